package intake

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/text/unicode/norm"

	"acervo/internal/blob"
	"acervo/internal/drop"
	"acervo/internal/fault"
	"acervo/internal/queue"
	"acervo/internal/tabular"
)

const (
	// MaxDrop is the most bytes of a file, as dropped and as expanded.
	MaxDrop = tabular.MaxExpanded
	// UploadExpiry is how long the upload of a file can be begun.
	UploadExpiry = time.Hour
	// UploadType is the content type of the upload of a file, whatever is in it.
	UploadType = "application/octet-stream"

	// sending is how many chunks are sent at once: as many as make full batches.
	sending = 20
	// maxPlan is the most bytes of a plan that are read: a file of MaxDrop has one of
	// some megabytes.
	maxPlan = 64 << 20
)

// Imports takes files to be imported, and sends their chunks. It is safe for
// concurrent use. Its fields are set once.
type Imports struct {
	Drops   drop.Store
	Objects blob.Store
	Lane    queue.Sender
	Now     func() time.Time
}

// Announcement is a file that somebody is going to upload. It has been validated.
type Announcement struct {
	Filename string
	Bytes    int64
	Mode     drop.Mode
	Options  drop.Options
	By       string
}

// Announce records an import and signs the upload of its file.
func (in *Imports) Announce(ctx context.Context, a Announcement) (drop.Import, blob.Upload, error) {
	id := uuid.New()
	i := drop.Import{
		ID: id, Filename: a.Filename, State: drop.AwaitingUpload, Mode: a.Mode, Options: a.Options, By: a.By,
		Key: drop.Folder + id.String() + "/" + cleanName(a.Filename), Bytes: a.Bytes,
		SubmittedAt: in.Now().UTC().Truncate(time.Millisecond),
	}
	upload, err := in.Objects.Sign(ctx, i.Key, UploadType, a.Bytes, UploadExpiry)
	if err != nil {
		return i, upload, err
	}
	i.ExpiresAt = upload.ExpiresAt
	return i, upload, in.Drops.Create(ctx, i)
}

// Apply has a planned import go on. An import whose chunks could not all be sent
// when it was asked before goes on too; fault.Conflict for every other one, and
// when another import has applied the same bytes in the same way.
func (in *Imports) Apply(ctx context.Context, id uuid.UUID) (drop.Import, error) {
	for {
		i, err := in.Drops.Get(ctx, id)
		if err != nil {
			return i, err
		}
		switch {
		case i.State == drop.Planned:
			next := i
			err = in.begin(ctx, &next)
			if err == nil {
				err = in.Drops.Update(ctx, i, next)
			}
			if fault.Is(err, fault.Changed) {
				continue
			}
		case Unsent(i) && i.Mode == drop.Plan && CurrentPass(i) == drop.Applying:
		default:
			err = fault.New(fault.Conflict, "The import is %s: only one that is planned can be applied.", i.State)
		}
		if err != nil {
			return i, err
		}
		return in.Send(ctx, id)
	}
}

// begin makes a planned import one whose chunks are to be applied.
func (in *Imports) begin(ctx context.Context, i *drop.Import) error {
	holder, err := in.Claim(ctx, *i)
	if err != nil {
		return err
	}
	if holder != i.ID {
		return fault.New(fault.Conflict, "The same file was already imported as %s.", holder)
	}
	i.Alone, err = in.Alone(ctx, *i)
	i.State, i.StartedAt = drop.Queued, time.Time{}
	return err
}

// Alone reports whether no import that arrived before this one, or with it, is
// unfinished.
func (in *Imports) Alone(ctx context.Context, i drop.Import) (bool, error) {
	ids, err := in.Drops.Unfinished(ctx, i.ArrivedAt, 2) // of which one may be the import itself
	return !slices.ContainsFunc(ids, func(id uuid.UUID) bool { return id != i.ID }), err
}

// Claim makes an import the one that applies its bytes with its options, and
// returns it, or the one that has done so or is doing so. One that has failed or
// was cancelled, and one that is no longer known, gives way.
func (in *Imports) Claim(ctx context.Context, i drop.Import) (holder uuid.UUID, err error) {
	name, err := claimName(i)
	if err != nil {
		return uuid.Nil, err
	}
	for range 3 { // others may be giving way to others
		holder, err = in.Drops.Claim(ctx, name, i.ID)
		if err != nil || holder == i.ID {
			return holder, err
		}
		other, err := in.Drops.Get(ctx, holder)
		switch {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return uuid.Nil, err
		case other.State != drop.Failed && other.State != drop.Cancelled:
			return holder, nil
		}
		if err := in.Drops.Unclaim(ctx, name, holder); err != nil {
			return uuid.Nil, err
		}
	}
	return holder, nil
}

// claimName is a digest of the bytes of an import and of what was said of them.
func claimName(i drop.Import) (string, error) {
	o := i.Options
	o.StopAfter = nil
	said, err := json.Marshal(o, json.Deterministic(true))
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "encode the options of an import")
	}
	sum := sha256.Sum256(append([]byte(i.Digest+" "), said...))
	return hex.EncodeToString(sum[:]), nil
}

// Cancel ends an import. What has begun to be applied is being cancelled until its
// chunks are through; fault.Conflict for one that has ended.
func (in *Imports) Cancel(ctx context.Context, id uuid.UUID) (drop.Import, error) {
	for {
		i, err := in.Drops.Get(ctx, id)
		if err != nil {
			return i, err
		}
		next := i
		switch {
		case i.State.Terminal():
			return i, fault.New(fault.Conflict, "The import has ended: it is %s.", i.State)
		case i.State == drop.Cancelling:
			return i, nil
		case i.State == drop.Queued || i.State == drop.Running:
			next.State = drop.Cancelling
		default:
			next.State, next.FinishedAt = drop.Cancelled, in.Now().UTC().Truncate(time.Millisecond)
		}
		if err := in.Drops.Update(ctx, i, next); !fault.Is(err, fault.Changed) {
			return next, err
		}
	}
}

// CurrentPass is what is done, or was last done, with the chunks of an import.
func CurrentPass(i drop.Import) drop.Pass {
	if i.Mode == drop.Plan && i.PlannedAt.IsZero() {
		return drop.Comparing
	}
	return drop.Applying
}

// Unsent reports whether chunks of an import may not have been sent.
func Unsent(i drop.Import) bool {
	return (i.State == drop.Queued || i.State == drop.Running || i.State == drop.Cancelling) && i.StartedAt.IsZero()
}

// Send sends the chunks of an import that have no outcome yet, and notes that all
// have been sent. Sent twice they do no harm.
func (in *Imports) Send(ctx context.Context, id uuid.UUID) (drop.Import, error) {
	i, err := in.Drops.Get(ctx, id)
	if err != nil || !Unsent(i) {
		return i, err
	}
	plan, err := in.Plan(ctx, id)
	if err != nil {
		return i, err
	}
	pass := CurrentPass(i)
	some := i.Progress(pass).Chunks > 0 // they were sent before
	var all errgroup.Group
	all.SetLimit(sending)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for n, c := range plan.Chunks {
		all.Go(func() error {
			err := in.send(ctx, i, pass, n, c, some)
			if err != nil {
				cancel()
			}
			return err
		})
	}
	if err := all.Wait(); err != nil {
		return i, err
	}
	return in.sent(ctx, id)
}

func (in *Imports) send(ctx context.Context, i drop.Import, pass drop.Pass, n int, c tabular.Chunk, some bool) error {
	if some {
		if done, err := in.Drops.Finished(ctx, i.ID, pass, n); err != nil || done {
			return err
		}
	}
	m := drop.Chunk{
		Import: i.ID, Pass: pass, Number: n, Key: i.Text, Version: i.TextVersion,
		Offset: c.Offset, Length: c.Length, Line: c.Line, Rows: c.Rows, Plain: c.Plain,
	}
	body, err := m.Encode()
	if err != nil {
		return err
	}
	return in.Lane.Send(ctx, queue.Message{Group: m.Group(), DedupID: m.DedupID(), Body: body})
}

// sent notes that all chunks of the pass were sent. Workers change the record
// meanwhile.
func (in *Imports) sent(ctx context.Context, id uuid.UUID) (drop.Import, error) {
	for {
		i, err := in.Drops.Get(ctx, id)
		if err != nil || !Unsent(i) { // the last chunk may have ended it
			return i, err
		}
		next := i
		next.StartedAt = in.Now().UTC().Truncate(time.Millisecond)
		if err := in.Drops.Update(ctx, i, next); !fault.Is(err, fault.Changed) {
			return next, err
		}
	}
}

// KeepPlan stores what was understood of a file, for those who read its chunks.
func (in *Imports) KeepPlan(ctx context.Context, id uuid.UUID, p tabular.Plan) error {
	raw, err := p.Encode()
	if err != nil {
		return err
	}
	_, err = in.Objects.Put(ctx, drop.PlanKey(id), "application/json", bytes.NewReader(raw))
	return err
}

// Plan returns what was understood of a file; fault.NotFound before that.
func (in *Imports) Plan(ctx context.Context, id uuid.UUID) (tabular.Plan, error) {
	body, _, err := in.Objects.Get(ctx, drop.PlanKey(id), "", blob.Range{})
	if err != nil {
		return tabular.Plan{}, err
	}
	defer func() { _ = body.Close() }() // it was only read
	raw, err := io.ReadAll(io.LimitReader(body, maxPlan))
	if err != nil {
		return tabular.Plan{}, err
	}
	return tabular.DecodePlan(raw)
}

// cleanName makes a name that every store takes of one that somebody gave.
func cleanName(filename string) string {
	const most = 120 // bytes; the rest of the key has fewer than MaxKey leaves
	name := norm.NFC.String(strings.ToValidUTF8(filename, "_"))
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || strings.ContainsRune(`/:*?"<>|%#&+`, r) {
			return '_'
		}
		return r
	}, name)
	for len(name) > most {
		_, first := utf8.DecodeRuneInString(name)
		name = name[first:] // what it ends with says more
	}
	name = strings.TrimRight(strings.TrimLeft(name, "."), ". ")
	if name == "" || blob.CheckKey("x/"+name) != nil {
		name = "drop_" + name
	}
	if blob.CheckKey("x/"+name) != nil {
		return "drop"
	}
	return name
}
