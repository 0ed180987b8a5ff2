package sqlite

import (
	"errors"
	"hash/crc32"
	"time"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/fault"
)

// conn is one connection with its prepared statements. It is used by one
// goroutine at a time.
type conn struct {
	*sqlite3.Conn
	stmts map[string]*sqlite3.Stmt
	sync  durability     // what the synchronous pragma is set to
	sent  map[string]int // messages that the open transaction has put on each lane
}

// close finalizes the statements, without which SQLite does not close.
func (c *conn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	return storeError(errors.Join(append(errs, c.Close())...), "close the database")
}

// stmt returns the prepared statement of a query with its arguments bound. The
// caller resets it.
func (c *conn) stmt(query string, args ...any) (*sqlite3.Stmt, error) {
	s, ok := c.stmts[query]
	if !ok {
		var err error
		if s, _, err = c.PrepareFlags(query, sqlite3.PREPARE_PERSISTENT); err != nil {
			return nil, storeError(err, "prepare a statement")
		}
		c.stmts[query] = s
	}
	for i, arg := range args {
		if err := bind(s, i+1, arg); err != nil {
			return nil, storeError(err, "bind an argument")
		}
	}
	return s, nil
}

func bind(s *sqlite3.Stmt, i int, arg any) error {
	switch v := arg.(type) {
	case nil:
		return s.BindNull(i)
	case string:
		return s.BindText(i, v)
	case []byte:
		if v == nil { // no bytes, which are not NULL
			return s.BindZeroBlob(i, 0)
		}
		return s.BindBlob(i, v)
	case int:
		return s.BindInt(i, v)
	case int64:
		return s.BindInt64(i, v)
	case float64:
		return s.BindFloat(i, v)
	case uint32:
		return s.BindInt64(i, int64(v))
	case time.Time:
		return s.BindInt64(i, v.UnixMilli())
	default:
		return errors.New("sqlite: no binding for this type of argument")
	}
}

// exec runs a statement and returns the number of rows that it changed.
func (c *conn) exec(query string, args ...any) (int64, error) {
	s, err := c.stmt(query, args...)
	if err != nil {
		return 0, err
	}
	if err := s.Exec(); err != nil {
		return 0, storeError(err, "write")
	}
	return c.Changes(), nil
}

// each calls row for every row of a query. What row sees of the statement is
// gone when it returns.
func (c *conn) each(query string, row func(*sqlite3.Stmt) error, args ...any) (err error) {
	s, err := c.stmt(query, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, storeError(s.Reset(), "read")) }()
	for s.Step() {
		if err := row(s); err != nil {
			return err
		}
	}
	return storeError(s.Err(), "read")
}

// storeError gives an error of SQLite its kind: damage is Internal, everything
// else (a full disk, a failing one) may pass.
func storeError(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return fault.Wrap(fault.Internal, err, "the database is damaged")
	case errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN),
		errors.Is(err, sqlite3.READONLY), errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.NOMEM):
		return fault.Wrap(fault.Unavailable, err, "The store cannot %s now.", doing)
	default:
		return fault.Wrap(fault.Internal, err, "%s", doing)
	}
}

// malformed reports whether damage is such that SQLite itself cannot read or
// write a row.
func malformed(err error) bool {
	return errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.CONSTRAINT_DATATYPE)
}

// checksum is the CRC-32C of the parts of a row.
func checksum(parts ...[]byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	var sum uint32
	for _, p := range parts {
		sum = crc32.Update(sum, table, p)
	}
	return sum
}

// millis reads a column of Unix milliseconds.
func millis(s *sqlite3.Stmt, col int) time.Time {
	return time.UnixMilli(s.ColumnInt64(col)).UTC()
}
