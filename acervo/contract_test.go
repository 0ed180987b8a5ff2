package main

import (
	"testing"
	"time"

	"acervo/internal/contracttest"
	"acervo/internal/dir"
	"acervo/internal/sqlite"
)

func TestTheOneMachineEditionKeepsTheContract(t *testing.T) {
	t.Parallel()
	at, dead := graveyard(t, 7)
	planned := plannedIn(t, at)
	s := serveDir(t, at, nil)
	sh := shell{dir: at}
	made := func(role string) string {
		secret, _ := sh.parsed(t, "key", "add", "the-"+role, "--role", role)["key"].(string)
		return secret
	}
	contracttest.Run(t, contracttest.Target{
		URL: s.URL, Operator: s.Key, Writer: made("writer"), Reader: made("reader"), Dead: dead, Planned: planned,
	})
}

// plannedIn puts an import that is planned into a directory.
func plannedIn(t *testing.T, at string) string {
	t.Helper()
	db, err := sqlite.Open(sqlite.Options{Dir: at})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	objects, err := dir.Open(dir.Options{Path: at, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = objects.Close() }()
	return contracttest.Plan(t, db.Drops(), objects)
}
