package drop

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"acervo/internal/fault"
)

// MessageVersion is the version of messages that this release writes, and reads.
const MessageVersion = 1

// Chunk is the message of a slice of a drop: where it is, never what is in it.
type Chunk struct {
	V      int       `json:"v"`
	Import uuid.UUID `json:"import"`
	Pass   Pass      `json:"pass"`
	Number int       `json:"number"` // from 0
	// Key and Version name the object, Offset and Length the bytes of the chunk.
	Key     string `json:"key"`
	Version string `json:"version"`
	Offset  int64  `json:"offset"`
	Length  int64  `json:"length"`
	Line    int64  `json:"line"` // of its first row, from 1
	Rows    int    `json:"rows"`
	Plain   int64  `json:"plain,omitzero"` // see tabular.Chunk
}

// DedupID is the deduplication id of the message on its lane.
func (c Chunk) DedupID() string { return fmt.Sprintf("%s.%s.%d", c.Import, c.Pass, c.Number) }

// Group is the message group on its lane, by which imports share it fairly.
func (c Chunk) Group() string { return c.Import.String() }

// Encode returns the JSON of the message.
func (c Chunk) Encode() ([]byte, error) {
	c.V = MessageVersion
	body, err := json.Marshal(c)
	return body, fault.Wrap(fault.Internal, err, "encode the message of a chunk")
}

// DecodeChunk reads a message. One of a version that this release does not know is
// fault.Unavailable, since another release may; anything else that cannot be read
// is fault.Syntax.
func DecodeChunk(body []byte) (Chunk, error) {
	var head struct {
		V *int `json:"v"`
	}
	if err := json.Unmarshal(body, &head, jsontext.AllowDuplicateNames(true)); err != nil || head.V == nil {
		return Chunk{}, fault.New(fault.Syntax, "the message is not a JSON object with a version")
	}
	if *head.V != MessageVersion {
		return Chunk{}, fault.New(fault.Unavailable, "the message has version %d, this release reads %d", *head.V, MessageVersion)
	}
	var c Chunk
	if err := json.Unmarshal(body, &c, json.RejectUnknownMembers(true)); err != nil {
		return Chunk{}, fault.Wrap(fault.Syntax, err, "the message of a chunk cannot be read")
	}
	if c.Import == uuid.Nil || c.Pass != Comparing && c.Pass != Applying || c.Number < 0 || c.Rows < 1 || c.Offset < 0 || c.Length < 1 {
		return Chunk{}, fault.New(fault.Syntax, "the message of a chunk does not say which")
	}
	return c, nil
}
