package main

import (
	"testing"

	"acervo/internal/contracttest"
)

func TestTheOneMachineEditionKeepsTheContract(t *testing.T) {
	t.Parallel()
	dir, dead := graveyard(t, 7)
	s := serveDir(t, dir, nil)
	sh := shell{dir: dir}
	made := func(role string) string {
		secret, _ := sh.parsed(t, "key", "add", "the-"+role, "--role", role)["key"].(string)
		return secret
	}
	contracttest.Run(t, contracttest.Target{
		URL: s.URL, Operator: s.Key, Writer: made("writer"), Reader: made("reader"), Dead: dead,
	})
}
