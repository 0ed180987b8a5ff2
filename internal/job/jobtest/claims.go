package jobtest

import (
	"strings"
	"sync"
	"time"

	"acervo/internal/job"
)

// claim is one by a new job of a caller.
func claim(caller, key string) job.Claim {
	return job.Claim{Caller: caller, Key: key, Hash: newID(), Job: newID()}
}

// claims claims a key and checks what stands, and whether that is the claim itself.
func (s *Suite) claims(c, stands job.Claim, mine bool) {
	s.t.Helper()
	got, is, err := s.Claims.Claim(s.t.Context(), c)
	s.ok(err)
	if got != stands || is != mine {
		s.t.Fatalf("told (%v)\n%+v, want (%v)\n%+v", is, got, mine, stands)
	}
}

func claimStands(s *Suite) {
	caller := newID()
	for _, key := range []string{"1", "Ö 星'\"", strings.Repeat("x", 255)} {
		first := claim(caller, key)
		s.claims(first, first, true)
		for range 2 {
			s.claims(claim(caller, key), first, false)
			sameRequest := claim(caller, key)
			sameRequest.Hash = first.Hash
			s.claims(sameRequest, first, false)
			s.claims(first, first, true) // it still is
		}
	}
}

func claimsAtOnce(s *Suite) {
	const callers = 50
	for range 3 {
		caller := newID()
		made, told, mine := make([]job.Claim, callers), make([]job.Claim, callers), make([]bool, callers)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range callers {
			made[i] = claim(caller, "key")
			wg.Go(func() {
				<-start
				var err error
				if told[i], mine[i], err = s.Claims.Claim(s.t.Context(), made[i]); err != nil {
					s.t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
		for i := range callers {
			if told[i] != told[0] || mine[i] != (told[0] == made[i]) {
				s.t.Fatalf("claim %d is told %+v (%v), and claim 0 is told %+v", i, told[i], mine[i], told[0])
			}
		}
		s.claims(claim(caller, "key"), told[0], false)
	}
}

func otherClaims(s *Suite) {
	caller := newID()
	var all []job.Claim
	for _, c := range [][2]string{
		{caller, "key"},
		{caller, "key2"},
		{caller, "KEY"},
		{caller, "key "},
		{caller + "k", "ey"}, // the same when written one after the other
		{newID(), "key"},
		{newID(), "key"},
	} {
		all = append(all, claim(c[0], c[1]))
	}
	for _, c := range all {
		s.claims(c, c, true)
	}
	for _, c := range all {
		s.claims(claim(c.Caller, c.Key), c, false)
	}
}

func claimForgotten(s *Suite) {
	first := claim(newID(), "key")
	s.claims(first, first, true)
	s.Advance(job.ClaimTTL - margin)
	s.ok(s.Claims.MarkSent(s.t.Context(), first)) // which does not prolong it, nor does claiming again
	stands := first
	stands.Sent = true
	s.claims(claim(first.Caller, "key"), stands, false)
	s.Advance(2 * margin)

	later := claim(first.Caller, "key")
	s.claims(later, later, true)
	s.ok(s.Claims.MarkSent(s.t.Context(), first)) // of a job that is forgotten
	s.Advance(job.ClaimTTL - margin)
	s.claims(first, later, false)
	s.Advance(2 * margin)
	s.claims(first, first, true)
}

func markedSent(s *Suite) {
	first := claim(newID(), "key")
	s.claims(first, first, true)
	stands := first
	stands.Sent = true
	for range 2 {
		s.ok(s.Claims.MarkSent(s.t.Context(), first))
		s.claims(claim(first.Caller, "key"), stands, false)
		s.claims(first, stands, true)
	}
	s.Advance(time.Hour)
	s.claims(claim(first.Caller, "key"), stands, false)
}

func markedOther(s *Suite) {
	first := claim(newID(), "key")
	s.claims(first, first, true)
	other := first
	other.Job = newID()
	for _, c := range []job.Claim{other, claim(first.Caller, "key2"), claim(newID(), "key")} {
		s.ok(s.Claims.MarkSent(s.t.Context(), c))
	}
	s.claims(claim(first.Caller, "key"), first, false)
	for _, caller := range []string{first.Caller, newID()} {
		fresh := claim(caller, "key2")
		s.claims(fresh, fresh, true)
	}
}
