package sqlite

import (
	"embed"
	"fmt"
	"io/fs"

	"github.com/ncruces/go-sqlite3"

	"acervo/internal/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema to this release's, one transaction each step. The
// number of steps taken is SQLite's user_version; a database that has taken more
// steps than this release knows is refused untouched.
func migrate(c *conn) error {
	steps, err := fs.Glob(migrations, "migrations/*.sql") // sorted by name
	if err != nil {
		return fault.Wrap(fault.Internal, err, "list the migrations")
	}
	var have int
	err = c.each(`PRAGMA user_version`, func(s *sqlite3.Stmt) error {
		have = s.ColumnInt(0)
		return nil
	})
	if err != nil {
		return err
	}
	if have > len(steps) {
		return fault.New(fault.Conflict,
			"the database has schema %d, written by a newer release; this one knows schema %d", have, len(steps))
	}
	for i, step := range steps[have:] {
		script, err := migrations.ReadFile(step)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "read migration %s", step)
		}
		sql := fmt.Sprintf("BEGIN IMMEDIATE; %s\nPRAGMA user_version = %d; COMMIT;", script, have+i+1)
		if err := c.Exec(sql); err != nil {
			return storeError(err, "migrate the database: "+step)
		}
	}
	return nil
}
