package aws_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"acervo/internal/fault"
	"acervo/internal/key"
)

func newKey(name string) key.Key {
	return key.Key{Name: name, Role: key.Reader, Hash: key.HashOf("secret of " + name), MadeAt: time.UnixMilli(1).UTC(), MadeBy: "olga"}
}

func listedKey(name string) item { return item{"id": text("list"), "part": text("name#" + name)} }

// counted says how many keys there are.
func (w ward) counted(n int) {
	w.t.Helper()
	w.damage("keys", item{"id": text("list"), "part": text("count")}, "count", &types.AttributeValueMemberN{Value: strconv.Itoa(n)})
}

func TestAKeyIsFoundByOneStrongReadAndListedByOneQuery(t *testing.T) {
	t.Parallel()
	m, s := metered(t)
	k := newKey("ci")
	ok(t, s.CallerKeys().Add(t.Context(), k))
	m.takes(t, "a request by a key", func() error {
		_, _, err := s.CallerKeys().Find(t.Context(), k.Hash)
		return err
	}, units{"GetItem": 1, "reads": 1})
	m.takes(t, "the list", func() error {
		_, err := s.CallerKeys().List(t.Context())
		return err
	}, units{"Query": 1})
}

func TestADamagedKeyOpensNothingIsListedAndCanBeRevoked(t *testing.T) {
	t.Parallel()
	for attribute, value := range map[string]types.AttributeValue{
		"role": text("root"), "ends": text("never"), "name": garbage(), "hash": garbage(),
	} {
		t.Run(attribute, func(t *testing.T) {
			t.Parallel()
			w, k := inWard(t), newKey("ci")
			ok(t, w.CallerKeys().Add(t.Context(), k))
			w.damage("keys", item{"id": text(fmt.Sprintf("%x", k.Hash)), "part": text("key")}, attribute, value)
			if attribute != "hash" {
				w.damage("keys", listedKey("ci"), attribute, value)
			}
			if got, found, err := w.CallerKeys().Find(t.Context(), k.Hash); found || !fault.Is(err, fault.Damaged) {
				t.Errorf("got %+v, %v, %v", got, found, err)
			}
			if all, err := w.CallerKeys().List(t.Context()); err != nil || len(all) != 1 || all[0].Name != "ci" {
				t.Errorf("listed are %+v, %v", all, err)
			}
			ok(t, w.CallerKeys().Remove(t.Context(), "ci"))
			if _, found, err := w.CallerKeys().Find(t.Context(), k.Hash); found || err != nil {
				t.Errorf("it is still there (%v), %v", found, err)
			}
		})
	}
}

func TestAKeyWhoseHashIsLostToTheListIsNotTakenForRevoked(t *testing.T) {
	t.Parallel()
	w, k := inWard(t), newKey("ci")
	ok(t, w.CallerKeys().Add(t.Context(), k))
	w.damage("keys", listedKey("ci"), "hash", garbage())
	if err := w.CallerKeys().Remove(t.Context(), "ci"); !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), "ci") {
		t.Errorf("got %v", err)
	}
}

func TestWhoeverRevokesAKeyTogetherMakesRoomForOne(t *testing.T) {
	t.Parallel()
	w := inWard(t)
	keys := w.CallerKeys()
	ok(t, keys.Add(t.Context(), newKey("ci")))
	w.counted(key.MaxKeys)
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() { errs[i] = keys.Remove(t.Context(), "ci") })
	}
	all.Wait()
	revoked := 0
	for _, err := range errs {
		if err == nil {
			revoked++
		} else if !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	}
	if revoked != 1 {
		t.Errorf("%d revoked it", revoked)
	}
	ok(t, keys.Add(t.Context(), newKey("ci")))
	for _, name := range []string{"ci", "more"} { // there is no room, and the first is not counted twice
		if err := keys.Add(t.Context(), newKey(name)); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKeyOfAnotherNameDoesNotTakeTheHashOfOneThatStands(t *testing.T) {
	t.Parallel()
	keys, k := inWard(t).CallerKeys(), newKey("ci")
	ok(t, keys.Add(t.Context(), k))
	other := k
	other.Name = "other"
	if err := keys.Add(t.Context(), other); !fault.Is(err, fault.Conflict) {
		t.Errorf("got %v", err)
	}
	if got, _, err := keys.Find(t.Context(), k.Hash); err != nil || got != k {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestARevocationWhoseAnswerIsLostIsDoneOnce(t *testing.T) {
	t.Parallel()
	s := &script{}
	under, plain := troubled(t, tables(t), s, attempts)
	ok(t, plain.CallerKeys().Add(t.Context(), newKey("ci")))
	lose := first(1, answerLost)
	s.set(func(operation string, input any) trouble {
		if operation != "TransactWriteItems" {
			return nil
		}
		return lose(operation, input)
	})
	ok(t, under.CallerKeys().Remove(t.Context(), "ci"))
	if all, err := plain.CallerKeys().List(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("listed are %+v, %v", all, err)
	}
	if s.calls["TransactWriteItems"] != 2 {
		t.Errorf("the calls were %v", s.calls)
	}
}

func TestANameThatNoTableTakesIsThatOfNoKey(t *testing.T) {
	t.Parallel()
	keys := inWard(t).CallerKeys()
	for _, length := range []int{1000, 1024, 4 << 10} {
		if err := keys.Remove(t.Context(), strings.Repeat("x", length)); !fault.Is(err, fault.NotFound) {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

func TestKeysThatCannotBeReadAreNotTakenForUnknown(t *testing.T) {
	t.Parallel()
	s := &script{}
	under, plain := troubled(t, tables(t), s, calls)
	k := newKey("ci")
	ok(t, plain.CallerKeys().Add(t.Context(), k))
	s.set(func(string, any) trouble { return unreachable })
	_, _, find := under.CallerKeys().Find(t.Context(), k.Hash)
	_, list := under.CallerKeys().List(t.Context())
	for what, err := range map[string]error{"find": find, "list": list, "remove": under.CallerKeys().Remove(t.Context(), "ci")} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
