package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"acervo/internal/fault"
)

const (
	// maxKeySet is the most bytes of an issuer's keys.
	maxKeySet = 1 << 20
	// keysFresh is how long the keys are used without asking for them again.
	keysFresh = 15 * time.Minute
	// keysStale is how long they are used while the issuer does not answer.
	keysStale = 24 * time.Hour
	// keysPause is the least time between two questions, so that tokens which name
	// keys that there are not cannot be used to flood the issuer.
	keysPause = 30 * time.Second
	// keysTimeout bounds one question.
	keysTimeout = 5 * time.Second
)

// keySet is a cache of an issuer's keys.
type keySet struct {
	options TokenOptions
	client  http.Client
	turn    chan struct{} // held by whoever asks the issuer

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // when the keys came
	asked   time.Time // when the issuer was last asked
}

func newKeySet(o TokenOptions) *keySet {
	s := &keySet{options: o, turn: make(chan struct{}, 1)}
	if o.Client != nil {
		s.client = *o.Client
	}
	s.client.Timeout = keysTimeout
	s.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return s
}

// find returns the keys of an id, all of them for none. Fresh ones are returned
// at once; stale ones while somebody else asks for new ones; for unknown ones the
// issuer is asked, at most every 30 seconds. It is fault.Unavailable while there
// are no keys to judge by.
func (s *keySet) find(ctx context.Context, id string) ([]jose.JSONWebKey, error) {
	keys, age := s.known(id)
	if len(keys) > 0 && age < keysFresh {
		return keys, nil
	}
	select {
	case s.turn <- struct{}{}:
	default:
		if len(keys) > 0 && age < keysStale {
			return keys, nil
		}
		select {
		case s.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "The issuer's keys were not waited for.")
		}
	}
	s.refresh(ctx)
	<-s.turn
	keys, age = s.known(id)
	switch {
	case age >= keysStale:
		return nil, fault.New(fault.Unavailable, "The issuer of the token does not tell its keys now.")
	case len(keys) == 0:
		return nil, invalidToken(errors.New("the issuer has no key of this id"))
	}
	return keys, nil
}

// known returns the keys of an id that are there, and how old they are.
func (s *keySet) known(id string) (found []jose.JSONWebKey, age time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if id == "" || k.KeyID == id {
			found = append(found, k)
		}
	}
	return found, s.options.Now().Sub(s.fetched) // without any keys that is an age
}

// refresh asks the issuer, unless it was asked a moment ago. An error leaves the
// keys as they are. Whoever asks asks for all: the question outlives the request.
func (s *keySet) refresh(ctx context.Context) {
	now := s.options.Now()
	s.mu.Lock()
	tooSoon := now.Sub(s.asked) < keysPause
	if !tooSoon {
		s.asked = now
	}
	s.mu.Unlock()
	if tooSoon {
		return
	}
	keys, err := s.fetch(context.WithoutCancel(ctx))
	if err != nil {
		s.options.Log.WarnContext(ctx, "the keys of the issuer could not be fetched", "url", s.options.JWKS, "error", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.fetched = keys, now
}

func (s *keySet) fetch(ctx context.Context) (keys []jose.JSONWebKey, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.options.JWKS, http.NoBody)
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers with status %d", res.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxKeySet+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxKeySet {
		return nil, fmt.Errorf("it has more than %d bytes", maxKeySet)
	}
	return readKeys(body)
}
