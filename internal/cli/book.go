package cli

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// patience is how long a write is waited for.
const patience = 30 * time.Second

func (p program) book() *ucli.Command {
	return p.group("book", "add, read, list, change and remove books", func(r *remote) []*ucli.Command {
		return []*ucli.Command{r.bookAdd(), r.bookGet(), r.bookList(), r.bookSet(), r.bookRemove(), r.bookCover()}
	})
}

func (r *remote) bookAdd() *ucli.Command {
	flags := append(fieldFlags(), &ucli.StringFlag{Name: "id", Usage: "give it the `UUID`"}, noWait())
	return leaf("add", "add a book", "", flags,
		r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
			draft, err := document(cmd, append(fieldNames(), "id"))
			if err != nil {
				return err
			}
			j, err := c.Create(ctx, draft)
			return followed(ctx, cmd, c, s, j, err)
		}))
}

func (r *remote) bookGet() *ucli.Command {
	return leaf("get", "show a book", "ID", nil,
		r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
			b, err := c.Book(ctx, cmd.Args().First())
			if err != nil {
				return err
			}
			return showBook(c, s, b)
		}))
}

func (r *remote) bookList() *ucli.Command {
	var l client.Listing
	flags := []ucli.Flag{
		&ucli.StringFlag{Name: "title", Usage: "whose title begins with `TEXT`, whatever its case and accents", Destination: &l.Title},
		&ucli.StringFlag{Name: "author", Usage: "of an author whose name begins with `TEXT`", Destination: &l.Author},
		&ucli.StringFlag{Name: "isbn", Usage: "with the ISBN `ISBN`", Destination: &l.ISBN},
		&ucli.StringFlag{Name: "sort", Usage: "by `ORDER`: title, author or -updated_at", Destination: &l.Sort},
		wholeFlag("limit", 50, 0, "at most `N` books, 0 for all"),
	}
	heading := []string{"ID", "TITLE", "AUTHORS", "PUBLISHED", "VERSION"}
	return leaf("list", "list books by title, or those that one filter chooses", "", flags,
		r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
			limit := int(wholeOf(cmd, "limit"))
			if l.Limit = 100; limit > 0 {
				l.Limit = min(limit, l.Limit)
			}
			more, err := list(s, c.Books(ctx, l), limit, heading, func(b client.Book) []cell {
				return cells(b.ID, b.Title, strings.Join(b.Authors, "; "), or(b.Published), fmt.Sprint(b.Version))
			})
			if more {
				s.say("There are more; --limit 0 shows all.")
			}
			return err
		}))
}

func (r *remote) bookSet() *ucli.Command {
	flags := append(fieldFlags(), ifVersion(), noWait())
	return leaf("set", "change fields of a book; an empty value removes a field", "ID", flags,
		r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
			patch, err := document(cmd, fieldNames())
			if err != nil {
				return err
			}
			j, err := c.Update(ctx, cmd.Args().First(), patch, wholeOf(cmd, "if-version"))
			return followed(ctx, cmd, c, s, j, err)
		}))
}

func (r *remote) bookRemove() *ucli.Command {
	return leaf("rm", "remove a book", "ID", []ucli.Flag{ifVersion(), noWait()},
		r.with(func(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen) error {
			j, err := c.Delete(ctx, cmd.Args().First(), wholeOf(cmd, "if-version"))
			return followed(ctx, cmd, c, s, j, err)
		}))
}

func ifVersion() ucli.Flag {
	return wholeFlag("if-version", 0, 1, "only while the book has the version `N`")
}

func noWait() ucli.Flag {
	return &ucli.BoolFlag{Name: "no-wait", Usage: "print the job instead of waiting for it to be applied"}
}

// followed waits for the job of a write and shows what became of it: the book, or
// the problem as an error.
func followed(ctx context.Context, cmd *ucli.Command, c *client.Client, s screen, j client.Job, err error) error {
	if err != nil {
		return err
	}
	if cmd.Bool("no-wait") {
		return showJob(s, j)
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ended, err := c.Wait(waiting, j.ID)
	switch {
	case err != nil && ctx.Err() == nil && waiting.Err() != nil:
		return fault.New(fault.Unavailable,
			"The write is accepted but not applied after %s; see what becomes of it with: acervo job --wait %s", patience, j.ID)
	case err != nil:
		return err
	case ended.State != job.Succeeded:
		return outcome(ended)
	case ended.Kind == job.Delete:
		s.say("Removed %s.", safe(ended.BookID))
		if s.json {
			return s.document(ended)
		}
		return nil
	}
	b, err := c.Book(ctx, ended.BookID)
	if err != nil {
		return err
	}
	return showBook(c, s, b)
}

// outcome is the error of a job that has ended but not succeeded.
func outcome(j client.Job) error {
	if j.Error != nil && j.State == job.Failed {
		return client.Fault(*j.Error)
	}
	detail := ""
	if j.Error != nil {
		detail = ": " + j.Error.Detail
	}
	return fault.New(fault.Conflict, "The job %s ended %s%s", j.ID, j.State, detail)
}

func showBook(c *client.Client, s screen, b client.Book) error {
	if s.json {
		return s.document(b)
	}
	price := ""
	if b.Price != nil {
		price = b.Price.Amount + " " + b.Price.Currency
	}
	s.facts("id", b.ID, "title", b.Title, "authors", strings.Join(b.Authors, "; "), "isbn", some(b.ISBN),
		"published", some(b.Published), "language", some(b.Language), "rating", some(b.Rating), "price", price,
		"description", some(b.Description), "cover", coverLine(c, b.Cover), "version", fmt.Sprint(b.Version),
		"created", moment(&b.CreatedAt), "updated", moment(&b.UpdatedAt))
	return nil
}

// coverLine is where to look at a cover, and its colour; empty for none.
func coverLine(c *client.Client, cover *client.Cover) string {
	if cover == nil {
		return ""
	}
	return c.Address(cover.Largest().URL) + ", mostly " + cover.Color
}

// some is the text of a value, empty for none.
func some[T any](v *T) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(*v)
}

func fieldNames() []string {
	return []string{"title", "author", "isbn", "published", "language", "description", "rating", "price"}
}

func fieldFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "title"},
		&ucli.StringSliceFlag{Name: "author", Usage: "once for each of them"},
		&ucli.StringFlag{Name: "isbn"},
		&ucli.StringFlag{Name: "published", Usage: "in the `YEAR`"},
		&ucli.StringFlag{Name: "language", Usage: "as in pt-BR"},
		&ucli.StringFlag{Name: "description"},
		&ucli.StringFlag{Name: "rating", Usage: "from 1 to 5"},
		&ucli.StringFlag{Name: "price", Usage: `as in "39.90 BRL"`},
		&ucli.StringFlag{Name: "file", Usage: "read all fields from the JSON in `FILE` (/dev/stdin for a pipe)"},
	}
}

// document is the JSON of the fields that were given as flags, or a file of it.
// Whether the fields are right is for the server to say.
func document(cmd *ucli.Command, names []string) (jsontext.Value, error) {
	fields := map[string]any{}
	for _, name := range names {
		if !cmd.IsSet(name) {
			continue
		}
		if name == "author" {
			fields["authors"] = cmd.StringSlice(name)
			continue
		}
		fields[name] = value(name, cmd.String(name))
	}
	if file := cmd.String("file"); file != "" {
		if len(fields) > 0 {
			return nil, wrongUsage("--file goes with no other field")
		}
		return readJSON(file)
	}
	if len(fields) == 0 {
		return nil, wrongUsage("no field is given")
	}
	raw, err := json.Marshal(fields, json.Deterministic(true))
	return raw, fault.Wrap(fault.Internal, err, "encode the fields")
}

// value is what a flag gives to a field: null for nothing, a number where one is
// due and given.
func value(name, text string) any {
	if text == "" {
		return nil
	}
	switch name {
	case "published", "rating":
		if n, err := strconv.ParseFloat(text, 64); err == nil {
			return n
		}
	case "price":
		amount, currency, _ := strings.Cut(text, " ")
		return map[string]string{"amount": amount, "currency": strings.TrimSpace(currency)}
	}
	return text
}

// readJSON reads a file that holds one JSON value.
func readJSON(file string) (jsontext.Value, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, usageError{fmt.Errorf("--file: %w", err)}
	}
	if v := jsontext.Value(raw); v.IsValid() {
		return v, nil
	}
	return nil, usageError{fmt.Errorf("--file: %s holds no valid JSON", file)}
}
