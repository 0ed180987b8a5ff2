package tabular

import (
	"github.com/go-json-experiment/json"
	"github.com/google/uuid"

	"acervo/internal/fault"
)

// kept is a plan as it is kept.
type kept struct {
	Plan       Plan                `json:"plan"`
	Duplicates map[uuid.UUID]int64 `json:"duplicates,omitempty"`
	Overflow   bool                `json:"overflow,omitzero"`
}

// Encode writes the plan as it is kept, with what was found of duplicates.
func (p Plan) Encode() ([]byte, error) {
	raw, err := json.Marshal(kept{p, p.Duplicates, p.Overflow})
	return raw, fault.Wrap(fault.Internal, err, "encode the plan of a file")
}

// DecodePlan reads what Encode wrote; fault.Damaged.
func DecodePlan(raw []byte) (Plan, error) {
	var k kept
	if err := json.Unmarshal(raw, &k); err != nil {
		return Plan{}, fault.Wrap(fault.Damaged, err, "read the plan of a file")
	}
	k.Plan.Duplicates, k.Plan.Overflow = k.Duplicates, k.Overflow
	return k.Plan, nil
}
