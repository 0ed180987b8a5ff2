// Package blobtest is the contract of objects: the sentences to which every adapter
// of blob.Store is held.
package blobtest

import (
	"testing"
	"time"

	"acervo/internal/blob"
)

// Harness is what an adapter fills in to join the suite.
type Harness struct {
	// Open returns a store that is empty and that nobody else uses; t cleans up
	// after it.
	Open func(t *testing.T) blob.Store
	// Upload sends body as a stranger would who was given the upload: with its
	// headers and the length of body. It returns nil if the body was taken. It is
	// called with stores that Open returned.
	Upload func(t *testing.T, s blob.Store, u blob.Upload, body []byte) error
	// Bubble runs body on fake time: synctest.Test for a store that lives in this
	// process. It is nil for an engine on the real clock, where the sentence on expiry
	// takes two seconds.
	Bubble func(t *testing.T, body func(t *testing.T))
	// Walks is how many random walks are compared with the model.
	Walks int
}

// Sentence is one promise of the port and the check that holds a store to it.
type Sentence struct {
	Text  string
	Check func(t *testing.T, h Harness)
}

// Sentences returns the whole contract.
func Sentences() []Sentence {
	return []Sentence{
		{"an object is read as it was put", on(readAsPut)},
		{"an object is any bytes, from none to many", on(anyBytes)},
		{"a body is put from its beginning, wherever it stands", on(fromTheBeginning)},
		{"put and stat describe the same object, and so does reading it", on(described)},
		{"a key without an object is not found", on(absent)},
		{"a range is just that part", on(ranges)},
		{"what a range has beyond the end is left out", on(beyondTheEnd)},
		{"a range of negative numbers is refused", on(negativeRange)},

		{"overwriting makes another version, and the current one is the last put", on(overwritten)},
		{"putting the same bytes again never makes the first version another object's", on(sameAgain)},
		{"a version that was overwritten is read as it was, or has changed", on(oldVersion)},
		{"a version whose key was deleted is read as it was, or not found", on(deletedVersion)},
		{"a version of another key is not read", on(foreignVersion)},
		{"what is being read stays whole when it is overwritten", on(overwrittenWhileRead)},
		{"what is being read stays whole when it is deleted", on(deletedWhileRead)},

		{"a deleted object is gone", on(deleted)},
		{"deleting what is not there is no error", on(deletedTwice)},
		{"a deleted key can be put again", on(putAgain)},
		{"a version that is deleted takes nothing with it that was put after it", on(deletedOneVersion)},

		{"a body that fails stores nothing", on(failingBody)},
		{"a body that fails leaves the object as it was", on(failingOverwrite)},
		{"a caller that does not wait gets an error that may pass, and stores nothing", on(cancelled)},
		{"concurrent puts of one key leave one of them whole", on(concurrentPuts)},
		{"whoever reads while others put gets one of the bodies whole", on(readWhilePut)},
		{"concurrent puts and deletes of neighbours do not disturb each other", on(neighbours)},

		{"a key is any clean relative path", on(goodKeys)},
		{"a key that means something else to a disk is refused by every call", on(hostileKeys)},
		{"a key below an object's is refused as a conflict, or kept apart", on(nested)},
		{"what is not a content type is refused", on(badTypes)},

		{"an empty store lists nothing", on(emptyList)},
		{"a list is in the order of the bytes of the keys", on(listOrder)},
		{"a list tells size and time, and knows what was overwritten and deleted", on(listDescribes)},
		{"a prefix need not end at a slash", on(prefixes)},
		{"pages join to the whole list, whatever their size", on(pages)},
		{"a list begins after any key, there or not", on(listAfter)},
		{"a page of no objects, or of too many, is refused", on(badPages)},

		{"what was signed can be uploaded", signed(uploaded)},
		{"an upload works once", signed(uploadedTwice)},
		{"an upload that was made many times at once is stored once", signed(uploadedAtOnce)},
		{"an upload does not overwrite an object", signed(uploadedOver)},
		{"an upload longer than signed stores nothing", signed(longer)},
		{"an upload shorter than signed stores nothing", signed(shorter)},
		{"an upload of another type stores nothing", signed(otherType)},
		{"an upload after its expiry stores nothing", signedFor(2*time.Second, late)},
		{"a refused upload does not spend the signature", signed(refusedFirst)},
		{"what cannot be uploaded is not signed", on(badUploads)},

		{"whatever happens to a store, it stays in step with its model", walks},
	}
}

// Run holds a store to every sentence, one subtest each.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, s := range Sentences() {
		t.Run(s.Text, func(t *testing.T) {
			t.Parallel()
			s.Check(t, h)
		})
	}
}

// on makes a check of what a sentence says about an empty store.
func on(says func(s *store)) func(*testing.T, Harness) {
	return func(t *testing.T, h Harness) {
		h.bubble(t, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Skipped() {
					t.Error("a store may not skip a sentence")
				}
			})
			says(&store{Store: h.Open(t), t: t, upload: h.Upload})
		})
	}
}

func (h Harness) bubble(t *testing.T, body func(*testing.T)) {
	if h.Bubble == nil {
		body(t)
		return
	}
	h.Bubble(t, body)
}
