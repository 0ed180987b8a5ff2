package job

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"acervo/internal/book"
	"acervo/internal/fault"
)

// MessageVersion is the version of the messages that this release sends. It
// reads this one and the one before it, if there is one.
const MessageVersion = 1

// Message is a job on its lane.
type Message struct {
	V          int       `json:"v"`
	Job        string    `json:"job"`        // the receipt
	Generation int       `json:"generation"` // from 1; a retry of a dead job raises it
	Kind       Kind      `json:"kind"`
	BookID     uuid.UUID `json:"book_id"`
	AcceptedAt time.Time `json:"accepted_at"` // that of the receipt

	Draft *book.Draft `json:"draft,omitzero"` // of a create or a replace
	Patch book.Patch  `json:"patch,omitzero"` // of an update
	// Cover is that of a cover.set. In the ledger one may have none, whose picture was
	// never made into a cover.
	Cover *book.Cover `json:"cover,omitzero"`

	// Version is what a replace that makes its book has it begin with, since it had its
	// versions elsewhere: unless it had a later one here, and then it goes on from that. A book
	// that exists counts on by one. Zero says nothing.
	Version int64 `json:"version,omitzero"`

	IfMatch     *book.Tags `json:"if_match,omitzero"`
	IfNoneMatch *book.Tags `json:"if_none_match,omitzero"`

	// Traceparent is the trace of the request that submitted the job (W3C Trace
	// Context), if it had one.
	Traceparent string `json:"traceparent,omitzero"`
}

// DedupID is the deduplication id of the message on its lane.
func (m Message) DedupID() string { return fmt.Sprintf("%s.%d", m.Job, m.Generation) }

// Group is the message group on its lane: one for each book, so that the writes
// of a book are delivered in order.
func (m Message) Group() string { return m.BookID.String() }

// Encode returns the JSON of the message.
func (m Message) Encode() ([]byte, error) {
	m.V = MessageVersion
	body, err := json.Marshal(m)
	return body, fault.Wrap(fault.Internal, err, "encode a message")
}

// DecodeMessage reads a message. One of a version that this release does not
// know is fault.Unavailable, since another release may; anything else that
// cannot be read is fault.Syntax.
func DecodeMessage(body []byte) (Message, error) {
	var head struct {
		V *int `json:"v"`
	}
	if err := json.Unmarshal(body, &head, jsontext.AllowDuplicateNames(true)); err != nil {
		return Message{}, fault.Wrap(fault.Syntax, err, "the message is not a JSON object with a version")
	}
	switch {
	case head.V == nil:
		return Message{}, fault.New(fault.Syntax, "the message has no version")
	case *head.V != MessageVersion:
		return Message{}, fault.New(fault.Unavailable, "the message has version %d, this release reads %d", *head.V, MessageVersion)
	}
	var m Message
	if err := json.Unmarshal(body, &m, json.RejectUnknownMembers(true)); err != nil {
		return Message{}, fault.Wrap(fault.Syntax, err, "the message of version %d cannot be read", *head.V)
	}
	return m, m.check()
}

// check refuses a message without what its kind needs.
func (m Message) check() error {
	switch {
	case m.Generation < 1 || m.Job == "" || m.BookID == uuid.Nil:
		return fault.New(fault.Syntax, "the message has no job, generation or book")
	case m.Version < 0 || m.Version > 0 && m.Kind != Replace:
		return fault.New(fault.Syntax, "the message has a version that its kind does not take")
	case (m.Kind == Create || m.Kind == Replace) && m.Draft != nil, m.Kind == Update && m.Patch != nil,
		m.Kind == Delete, m.Kind == CoverSet, m.Kind == CoverRemove:
		return nil
	default:
		return fault.New(fault.Syntax, "the message of kind %q has not what its kind needs", m.Kind)
	}
}
