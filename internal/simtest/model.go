package simtest

import (
	"time"

	"github.com/google/uuid"

	"acervo/internal/arrive"
	"acervo/internal/book"
	"acervo/internal/job"
)

// bookModel is what is known of a book.
type bookModel struct {
	name string
	id   uuid.UUID
	item book.Item   // as last seen
	sent []*jobModel // its jobs, in the order in which the lane first took them

	accepted time.Time  // the latest accept time of the writes of its lane that were applied
	latest   book.Token // of the rows that took effect, or had nothing to change
}

func (b *bookModel) String() string { return b.name }

// jobModel is what is known of a job.
type jobModel struct {
	name     string
	id       string
	book     *bookModel
	accepted time.Time
	payloads []*payload // of each generation
	body     []byte     // of the message of the first one
	acked    bool       // a client was told that it was accepted
	landed   bool       // its picture was uploaded, at landedAt
	landedAt time.Time

	recorded bool
	rec      job.Record // as last seen
	effects  []int64    // the versions that it made
	buried   bool       // at least once
	buriedAt int64      // the version of its book then
	listed   bool       // an operator has to decide, or the retry to end
}

func (j *jobModel) String() string {
	if j == nil {
		return "a job that nobody knows"
	}
	return j.name
}

// generation is the one that counts now.
func (j *jobModel) generation() int { return len(j.payloads) }

// asks is the payload of that generation.
func (j *jobModel) asks() *payload { return j.payloads[len(j.payloads)-1] }

func (j *jobModel) ended() bool { return j.recorded && j.rec.State.Terminal() }

// dead reports whether an operator has to decide about the job.
func (j *jobModel) dead() bool { return j.listed && j.rec.State == job.Dead }

// wanting reports whether the job can go on with its picture only.
func (j *jobModel) wanting() bool { return j.listed && j.rec.Burial.Lane == arrive.CoversLane }

// keyModel is what is known of an idempotency key.
type keyModel struct {
	text    string
	request *payload // of whoever claimed it
	book    *bookModel
	hash    string // of the claim
	job     string
	settled bool // somebody was told that the job was accepted
}
