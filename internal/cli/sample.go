package cli

import (
	"context"
	_ "embed"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	ucli "github.com/urfave/cli/v3"

	"acervo/internal/client"
	"acervo/internal/fault"
	"acervo/internal/job"
)

// sampleBooks are drafts of books that are old enough to belong to everybody, one
// a line. Books of their time have no ISBN.
//
//go:embed sample.ndjson
var sampleBooks string

func (p program) sample() *ucli.Command {
	r := &remote{program: p}
	return leaf("sample", "add some sixty old books in Portuguese and English, to try things with", "", r.flags(), r.with(addSample))
}

// addSample adds the books that are not there yet: each has the same id every
// time, so that a second run adds nothing.
func addSample(ctx context.Context, _ *ucli.Command, c *client.Client, s screen) error {
	var jobs []client.Job
	lines := strings.Split(strings.TrimSpace(sampleBooks), "\n")
	for i, line := range lines {
		id := uuid.NewSHA1(uuid.NameSpaceOID, []byte("acervo sample "+line))
		draft := jsontext.Value(fmt.Sprintf(`{"id":%q,%s`, id, line[1:]))
		j, err := c.Create(ctx, draft)
		if err != nil {
			return err
		}
		jobs = append(jobs, j)
		s.progress("accepted", i+1, len(lines))
	}
	added := 0
	for i, j := range jobs {
		ended, err := c.Wait(ctx, j.ID)
		if err != nil {
			return err
		}
		err = outcome(ended)
		switch {
		case ended.State == job.Succeeded:
			added++
		case !fault.Is(err, fault.Conflict):
			return err
		}
		s.progress("applied", i+1, len(jobs))
	}
	if s.json {
		return s.document(map[string]int{"added": added, "there": len(jobs) - added})
	}
	s.say("Added %d books; %d were there already.", added, len(jobs)-added)
	return nil
}

// progress shows on a terminal how far something has come.
func (s screen) progress(what string, done, all int) {
	const wide = 40
	if !s.terminal || s.json {
		return
	}
	bar := strings.Repeat("█", wide*done/all) + strings.Repeat("░", wide-wide*done/all)
	fmt.Fprintf(s.out, "\r%-8s %s %d/%d", what, bar, done, all)
	if done == all {
		fmt.Fprintln(s.out)
	}
}
