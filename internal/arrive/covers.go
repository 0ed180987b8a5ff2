package arrive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/cover"
	"acervo/internal/fault"
	"acervo/internal/job"
	"acervo/internal/queue"
)

const (
	// CoversLane is the name under which pictures are buried that could not be dealt with.
	CoversLane = "covers"
	// MaxRender is the longest that one picture may take.
	MaxRender = time.Minute
	// reuse is how long renditions are taken for what they are without being made again,
	// see Sweep.
	reuse = 30 * 24 * time.Hour
	// maxNote is the most bytes of what is noted of renditions.
	maxNote = 64 << 10
)

// Covers deals with pictures that were uploaded for covers: it makes their renditions
// and puts a job on the lane of the writes that has the book show them. It is a
// Handler. Its fields are set once.
type Covers struct {
	Ring     *job.Keyring
	Jobs     job.Store
	Books    book.Store
	Lane     queue.Sender // of the writes
	Objects  blob.Store
	Renderer *cover.Renderer
	Now      func() time.Time
	Log      *slog.Logger
}

var _ Handler = (*Covers)(nil)

// Arrived is Handler's. A picture that is refused ends its job, with the reason.
//
// The order matters to those who ask for the job: its record comes before the picture
// goes, so that one of the two is always there once the picture was.
func (c *Covers) Arrived(ctx context.Context, o Object) error {
	receipt, ok := c.receipt(ctx, o)
	if !ok {
		return nil
	}
	rec, recorded, err := c.record(ctx, receipt)
	switch {
	case err != nil:
		return err
	case recorded && rec.State == job.Dead && wanting(rec):
		return nil
	case recorded && rec.State.Terminal():
		return c.Objects.Delete(ctx, o.Key)
	case rec.RetryAsked() && !wanting(rec):
		return c.resend(ctx, o, rec)
	case !recorded && late(o, receipt):
		return c.overtaken(ctx, o, c.end(ctx, o, rec, tooLate()))
	}
	made, err := c.make(ctx, o)
	switch {
	case fault.Is(err, fault.Gone):
		c.Log.InfoContext(ctx, "a picture was gone or replaced when it was looked at", "job", receipt.ID)
		return nil
	case fault.Is(err, fault.TooLarge), fault.Is(err, fault.MediaType), fault.Is(err, fault.Invalid):
		return c.overtaken(ctx, o, c.end(ctx, o, rec, err))
	case err != nil:
		return err
	}
	return c.submit(ctx, o, receipt, rec, made)
}

// record reads the record of a job. One that is missing is told as one that has yet to
// be written, by whoever is first.
func (c *Covers) record(ctx context.Context, r job.Receipt) (rec job.Record, recorded bool, err error) {
	rec, recorded, err = c.Jobs.Get(ctx, r.ID)
	if !recorded {
		rec = job.Record{ID: r.ID, Kind: r.Kind, BookID: r.BookID, Generation: 1, Revision: job.Unwritten}
	}
	return rec, recorded, err
}

// wanting reports whether the picture of a job that was given up is still wanted: an
// operator may have it tried again, or has.
func wanting(rec job.Record) bool {
	return rec.Burial != nil && rec.Burial.Listed && rec.Burial.Lane == CoversLane
}

// receipt reads which job a picture is for. Only we give out such keys, so that
// whatever else lies there is none of ours.
func (c *Covers) receipt(ctx context.Context, o Object) (job.Receipt, bool) {
	r, err := c.Ring.Verify(strings.TrimPrefix(o.Key, job.Originals))
	if err != nil || r.Kind != job.CoverSet || o.Key != job.OriginalKey(r.ID) {
		c.Log.WarnContext(ctx, "a picture landed that nobody asked for, and is left where it is")
		return job.Receipt{}, false
	}
	return r, true
}

// submit puts the job on its lane. That it is there is written down before the picture
// goes, on the condition that nobody has written the record since it was read: then
// nobody gives the job up any more (GiveUp), and no retry will want the picture. The
// message of a retry is stored before it is sent, as that of every retry is, so that
// from then on it can be sent again without its picture.
func (c *Covers) submit(ctx context.Context, o Object, r job.Receipt, rec job.Record, made book.Cover) error {
	m := message(r, rec.Generation)
	m.Cover = &made
	body, err := m.Encode()
	if err != nil {
		return err
	}
	if rec.Burial != nil {
		burial := *rec.Burial
		burial.Lane, burial.Message = queue.Writes, body
		rec.Burial = &burial
		if err := c.Jobs.Save(ctx, rec); err != nil {
			return c.overtaken(ctx, o, err)
		}
	}
	if err := c.send(ctx, m, body); err != nil {
		return err
	}
	if rec.Revision == job.Unwritten {
		rec.State = job.Queued
		if err := c.Jobs.Save(ctx, rec); err != nil {
			return c.overtaken(ctx, o, err)
		}
	}
	return c.Objects.Delete(ctx, o.Key)
}

// resend sends the stored message of a retry, which needs its picture no more.
func (c *Covers) resend(ctx context.Context, o Object, rec job.Record) error {
	m, err := job.DecodeMessage(rec.Burial.Message)
	if err != nil {
		return err
	}
	if err := c.send(ctx, m, rec.Burial.Message); err != nil {
		return err
	}
	return c.Objects.Delete(ctx, o.Key)
}

func (c *Covers) send(ctx context.Context, m job.Message, body []byte) error {
	return c.Lane.Send(ctx, queue.Message{Group: m.Group(), DedupID: m.DedupID(), Body: body})
}

func message(r job.Receipt, generation int) job.Message {
	return job.Message{Job: r.ID, Generation: generation, Kind: r.Kind, BookID: r.BookID, AcceptedAt: r.AcceptedAt()}
}

// late reports whether a picture came when its client may have been told that none had.
func late(o Object, r job.Receipt) bool { return o.At.Sub(r.AcceptedAt()) > job.UploadMost }

func tooLate() error { return fault.New(fault.Gone, "The picture came too late.") }

// end ends a job whose picture cannot be taken: fault.Changed if its record was written
// since it was read.
func (c *Covers) end(ctx context.Context, o Object, rec job.Record, why error) error {
	problem := fault.ProblemOf(why)
	rec = ended(rec, job.Failed, c.Now())
	rec.Error = &problem
	if err := c.Jobs.Save(ctx, rec); err != nil {
		return err
	}
	return c.Objects.Delete(ctx, o.Key)
}

// overtaken looks again at a picture whose job somebody else has ended, or an operator
// has had tried again: what is to become of the picture, its record says.
func (c *Covers) overtaken(ctx context.Context, o Object, err error) error {
	if !fault.Is(err, fault.Changed) || ctx.Err() != nil {
		return err
	}
	return c.Arrived(ctx, o)
}

// ended is the record of a job that ends before it came to its lane.
func ended(rec job.Record, state job.State, now time.Time) job.Record {
	rec.State, rec.FinishedAt = state, now.UTC()
	rec.Attempts++
	if rec.Burial != nil {
		burial := *rec.Burial
		burial.Listed = state == job.Dead
		rec.Burial = &burial
	}
	rec.Note(job.Event{At: rec.FinishedAt, What: string(state)})
	return rec
}

// GiveUp is Handler's: it buries the job, and its picture stays, so that the job can
// be tried again. One that another delivery has brought to its lane ends there.
func (c *Covers) GiveUp(ctx context.Context, o Object, why error) error {
	receipt, ok := c.receipt(ctx, o)
	if !ok {
		return nil
	}
	for {
		item, err := c.Books.Get(ctx, receipt.BookID)
		if err != nil && !fault.Is(err, fault.Damaged) {
			return err
		}
		rec, recorded, err := c.record(ctx, receipt)
		switch {
		case err != nil || recorded && rec.State.Terminal() || item.LastJob == receipt.ID:
			return err
		case rec.RetryAsked() && !wanting(rec):
			return c.resend(ctx, o, rec)
		case recorded && !wanting(rec):
			return nil
		case !recorded && late(o, receipt):
			err = c.end(ctx, o, rec, tooLate())
		default:
			err = c.bury(ctx, receipt, rec, item, why)
		}
		if !fault.Is(err, fault.Changed) || ctx.Err() != nil {
			return err
		}
	}
}

// bury gives a job up: fault.Changed if its record or its book was written since they
// were read.
func (c *Covers) bury(ctx context.Context, r job.Receipt, rec job.Record, item book.Item, why error) error {
	rec, err := c.buried(r, rec, item, why)
	if err != nil {
		return err
	}
	return c.Jobs.Bury(ctx, rec, item)
}

// buried is the record of a job that is given up. The version noted at its first
// burial stays.
func (c *Covers) buried(r job.Receipt, rec job.Record, item book.Item, why error) (job.Record, error) {
	rec = ended(rec, job.Dead, c.Now())
	problem, cause := fault.ProblemOf(why), "no reason was told"
	if why != nil {
		cause = why.Error()
	}
	rec.Error = &problem
	if rec.Burial == nil {
		rec.Burial = &job.Burial{BookVersion: item.Version}
	}
	body, err := message(r, rec.Generation).Encode()
	b := rec.Burial
	b.Listed, b.Lane, b.Message, b.At = true, CoversLane, body, rec.FinishedAt
	b.Cause, b.Fingerprint = cause, job.Fingerprint(r.Kind, cause)
	rec.Note(job.Event{At: rec.FinishedAt, What: "buried", Why: cause})
	return rec, err
}

// Again has the picture of a dead job land once more, by putting it where it lies, and
// returns it. One that is not there any more is fault.Conflict.
func (c *Covers) Again(ctx context.Context, id string) (blob.Object, error) {
	key := job.OriginalKey(id)
	body, o, err := c.Objects.Get(ctx, key, "", blob.Range{})
	if fault.Is(err, fault.NotFound) {
		return o, fault.New(fault.Conflict, "The picture of the job is no longer kept: upload it again.")
	}
	if err != nil {
		return o, err
	}
	defer body.Close() //nolint:errcheck // it was only read
	picture, err := io.ReadAll(io.LimitReader(body, book.MaxOriginal))
	if err != nil {
		return o, err
	}
	return c.Objects.Put(ctx, key, "application/octet-stream", bytes.NewReader(picture))
}

// make makes the renditions of an original, unless there are some of the same bytes.
func (c *Covers) make(ctx context.Context, o Object) (book.Cover, error) {
	hash, size, err := c.digest(ctx, o)
	if err != nil {
		return book.Cover{}, err
	}
	if known, ok, err := c.known(ctx, hash); ok || err != nil {
		return known, err
	}
	body, _, err := c.get(ctx, o)
	if err != nil {
		return book.Cover{}, err
	}
	defer body.Close() //nolint:errcheck // it was only read
	within, cancel := context.WithTimeout(ctx, MaxRender)
	defer cancel()
	result, err := c.Renderer.Render(within, body, size)
	if err != nil {
		if within.Err() != nil && ctx.Err() == nil {
			err = fault.Wrap(fault.Internal, err, "the picture took longer than %v", MaxRender)
		}
		return book.Cover{}, err
	}
	return c.keep(ctx, result)
}

// get reads the version that was told of, or the current one where there are no others.
func (c *Covers) get(ctx context.Context, o Object) (io.ReadCloser, blob.Object, error) {
	body, object, err := c.Objects.Get(ctx, o.Key, o.Version, blob.Range{})
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Changed) {
		err = fault.Wrap(fault.Gone, err, "the object is not there any more, or not in this version")
	}
	return body, object, err
}

// digest reads an original once, without keeping it. One that is too large is
// fault.TooLarge.
func (c *Covers) digest(ctx context.Context, o Object) (hash string, size int64, err error) {
	body, object, err := c.get(ctx, o)
	if err != nil {
		return "", 0, err
	}
	defer body.Close() //nolint:errcheck // it was only read
	if object.Size > cover.MaxBytes {
		return "", 0, fault.New(fault.TooLarge, "the file has %d bytes; at most %d are taken", object.Size, cover.MaxBytes)
	}
	h := sha256.New()
	if size, err = io.Copy(h, io.LimitReader(body, cover.MaxBytes+1)); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}

// noteKey is where it is noted what the renditions of an original are. The note comes
// after all of them, so that they are there if it is.
func noteKey(hash string) string { return book.Renditions + hash + "/cover.json" }

// known reads what was noted of renditions, unless that was too long ago to rely on.
func (c *Covers) known(ctx context.Context, hash string) (known book.Cover, ok bool, err error) {
	body, note, err := c.Objects.Get(ctx, noteKey(hash), "", blob.Range{})
	if fault.Is(err, fault.NotFound) {
		return book.Cover{}, false, nil
	}
	if err != nil {
		return book.Cover{}, false, err
	}
	defer body.Close() //nolint:errcheck // it was only read
	if c.Now().Sub(note.ModifiedAt) > reuse {
		return book.Cover{}, false, nil
	}
	raw, err := io.ReadAll(io.LimitReader(body, maxNote))
	if err != nil {
		return book.Cover{}, false, err
	}
	damaged := json.Unmarshal(raw, &known) != nil || known.SHA256 != hash || len(known.Renditions) == 0
	return known, !damaged, nil // what is damaged is made again
}

// keep puts renditions where readers find them, and then the note of them.
func (c *Covers) keep(ctx context.Context, result cover.Result) (book.Cover, error) {
	made := book.Cover{SHA256: result.SHA256, Blurhash: result.Blurhash, Color: result.Color}
	for _, r := range result.Renditions {
		if _, err := c.Objects.Put(ctx, book.RenditionKey(result.SHA256, r.Width), "image/jpeg", bytes.NewReader(r.JPEG)); err != nil {
			return book.Cover{}, err
		}
		made.Renditions = append(made.Renditions, book.Rendition{Width: r.Width, Height: r.Height})
	}
	note, err := json.Marshal(made)
	if err != nil {
		return book.Cover{}, fault.Wrap(fault.Internal, err, "note the renditions")
	}
	_, err = c.Objects.Put(ctx, noteKey(result.SHA256), "application/json", bytes.NewReader(note))
	return made, err
}
