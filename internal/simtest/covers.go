package simtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"acervo/internal/arrive"
	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/fault"
	"acervo/internal/intake"
	"acervo/internal/job"
)

// picture is what is uploaded for a cover: as good as any, since nobody looks at it.
func (p *payload) picture() []byte { return []byte(p.title) }

// cover is what is made of the picture.
func (p *payload) cover() *book.Cover {
	sum := sha256.Sum256(p.picture())
	return &book.Cover{
		SHA256: hex.EncodeToString(sum[:]), Renditions: []book.Rendition{{Width: 96, Height: 64}},
		Blurhash: "00TSUA", Color: "#" + hex.EncodeToString(sum[:3]),
	}
}

// late reports whether the picture of a job came when its client had been told that
// there is none.
func (j *jobModel) late() bool { return j.landed && j.landedAt.Sub(j.accepted) > job.UploadMost }

// outdone reports whether the job is about the cover of a book that a later one has
// decided.
func (j *jobModel) outdone(item book.Item) bool {
	return j.asks().kind.OfCover() && j.id < item.CoverJob
}

// expects has a client ask for an upload, which is promised without a word to any store.
func (s *Sim) expects(b *bookModel, p *payload) *jobModel {
	in := intake.Intake{Ring: s.ring, Now: s.clock.now}
	receipt, _, err := in.Expect(context.Background(), p.write(b))
	s.unreadable(err, "a promise")
	s.meet(receipt.ID+".1", p)
	return s.jobs[receipt.ID]
}

// uploads has the picture of a job land. From then on the job is not forgotten.
func (s *Sim) uploads(j *jobModel) {
	j.landed, j.landedAt, j.acked = true, s.clock.now(), true
	s.pictures[job.OriginalKey(j.id)] = j
}

// arrives starts whoever is told that the picture of a job has landed.
func (s *Sim) arrives(i int, j *jobModel) *actor {
	return s.begin(s.arrivals, i, "arrival", j.payloads[0], func(a *actor) {
		err := s.covers(a).Arrived(context.Background(), j.picture())
		a.ended = func() { s.say("  arrival: %q", fault.KindOf(err)) }
	})
}

// quits starts whoever gives the picture of a job up.
func (s *Sim) quits(i int, j *jobModel) *actor {
	return s.begin(s.arrivals, i, "arrival", j.payloads[0], func(a *actor) {
		a.quits = true
		err := s.covers(a).GiveUp(context.Background(), j.picture(), errors.New("the function ran out of memory"))
		a.ended = func() { s.say("  arrival: %q", fault.KindOf(err)) }
	})
}

func (s *Sim) covers(a *actor) *arrive.Covers {
	return &arrive.Covers{
		Ring: s.ring, Jobs: s.gatedJobs(a), Books: gatedBooks{s, a}, Lane: gatedLane{s: s, a: a}, Objects: gatedPictures{s: s, a: a},
		Now: s.clock.now, Log: s.log,
	}
}

// picture is what those are told who deal with it.
func (j *jobModel) picture() arrive.Object {
	return arrive.Object{Key: job.OriginalKey(j.id), At: j.landedAt}
}

// landAll has every picture told of again that still lies there and has a job to do.
func (s *Sim) landAll() {
	for _, j := range s.queued {
		if s.pictures[job.OriginalKey(j.id)] == nil || j.dead() && j.wanting() {
			continue
		}
		s.goOn(s.arrives(0, j), toTheEnd, happens)
		if s.pictures[job.OriginalKey(j.id)] != nil {
			s.violated(ends, "the picture of %s is still there", j)
		}
	}
}

// gatedPictures are the uploaded pictures as one actor sees them. Of each it is noted
// already what was made of it.
type gatedPictures struct {
	blob.Store // of which covers use no more
	s          *Sim
	a          *actor
}

func (g gatedPictures) Get(ctx context.Context, key, _ string, _ blob.Range) (body io.ReadCloser, o blob.Object, err error) {
	if strings.HasPrefix(key, book.Renditions) {
		return g.note(key)
	}
	err = g.a.gate(ctx, &access{what: "read the picture", do: func() error {
		j := g.s.pictures[key]
		if j == nil {
			return fault.New(fault.NotFound, "there is no such picture")
		}
		g.s.note(" of %s", j)
		body, o = object(key, j.payloads[0].picture())
		return nil
	}})
	return body, o, err
}

func (g gatedPictures) Stat(ctx context.Context, key string) (o blob.Object, err error) {
	err = g.a.gate(ctx, &access{what: "look for the picture", do: func() error {
		if g.s.pictures[key] == nil {
			return fault.New(fault.NotFound, "there is no such picture")
		}
		return nil
	}})
	return o, err
}

// Put is for pictures that land again.
func (g gatedPictures) Put(ctx context.Context, key, _ string, _ io.ReadSeeker) (blob.Object, error) {
	return blob.Object{Key: key}, g.a.gate(ctx, &access{what: "put the picture where it lies", lasts: true, do: func() error {
		g.s.pictures[key] = g.s.jobs[strings.TrimPrefix(key, job.Originals)]
		return nil
	}})
}

func (g gatedPictures) note(key string) (io.ReadCloser, blob.Object, error) {
	i := slices.IndexFunc(g.s.queued, func(j *jobModel) bool {
		return strings.HasPrefix(key, book.Renditions+j.payloads[0].cover().SHA256)
	})
	note, err := json.Marshal(g.s.queued[i].payloads[0].cover())
	body, o := object(key, note)
	o.ModifiedAt = g.s.clock.now()
	return body, o, err
}

func object(key string, content []byte) (io.ReadCloser, blob.Object) {
	return io.NopCloser(bytes.NewReader(content)), blob.Object{Key: key, Size: int64(len(content))}
}

func (g gatedPictures) Delete(ctx context.Context, key string) error {
	return g.a.gate(ctx, &access{what: "remove the picture", lasts: true, do: func() error {
		delete(g.s.pictures, key)
		g.s.durable()
		return nil
	}})
}

// covers has a client ask for an upload, a picture land, or an event told again.
func (d dice) covers() command {
	i := d.below(len(d.s.arrivals))
	if a := d.s.arrivals[i]; a.busy() {
		return d.goesOn(a)
	}
	var promised, landed []*jobModel
	for _, j := range d.s.queued {
		switch {
		case j.landed:
			landed = append(landed, j)
		case j.asks().kind == job.CoverSet:
			promised = append(promised, j)
		}
	}
	how, w := d.below(6), d.shortWay()
	switch {
	case how == 5 && len(landed) > 0:
		j := landed[len(landed)-1-d.below(len(landed))]
		return command{fmt.Sprintf("arrival %d gives the picture of %s up, %s", i, j, w), func() { d.s.goes(d.s.quits(i, j), w) }}
	case how == 4 && len(landed) > 0:
		j := pick(d, landed)
		return command{fmt.Sprintf("arrival %d is told of the picture of %s again, %s", i, j, w), func() { d.s.goes(d.s.arrives(i, j), w) }}
	case how >= 2 && len(promised) > 0:
		j := promised[len(promised)-1-d.below(len(promised))]
		return command{fmt.Sprintf("the picture of %s lands, and arrival %d is told, %s", j, i, w), func() {
			d.s.uploads(j)
			d.s.goes(d.s.arrives(i, j), w)
		}}
	case len(d.s.queued) > 7:
		return command{}
	}
	d.s.titles++
	b, p := pick(d, d.s.shelf), &payload{kind: job.CoverSet, title: fmt.Sprintf("t%d", d.s.titles)}
	if how == 1 {
		return command{fmt.Sprintf("a client asks for %s of %s", p, b), func() { d.s.say("  it is %s", d.s.expects(b, p)) }}
	}
	return command{fmt.Sprintf("a client asks for %s of %s and uploads it, and arrival %d is told, %s", p, b, i, w), func() {
		j := d.s.expects(b, p)
		d.s.uploads(j)
		d.s.goes(d.s.arrives(i, j), w)
	}}
}
