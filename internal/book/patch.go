package book

import (
	"cmp"
	"errors"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"acervo/internal/fault"
)

// Patch is a merge patch (RFC 7396) that has been checked: the JSON of an
// object with the names of a draft.
type Patch = jsontext.Value

// ParsePatch reads a merge patch for the book of the given id. What would break
// a rule whatever the book holds is refused now, as by ParseDraft; what depends
// on the stored book (the decimals of a price whose currency is not in the
// patch) is judged by ApplyPatch.
func ParsePatch(raw []byte, id uuid.UUID, now time.Time) (Patch, error) {
	var f faults
	members := f.members("", raw, FieldNames()...)
	if members == nil {
		return nil, f.err()
	}
	for _, m := range members {
		if m.name == "price" && m.value.Kind() == '{' {
			f.members(m.pointer, m.value, "amount", "currency")
		}
	}
	merged, err := merge(witness(id), raw)
	if err != nil { // two values of one name that do not go together
		return nil, cmp.Or(f.err(), err)
	}
	if d := f.draft(merged, now); f.kind != fault.Syntax && d.ID != id {
		f.invalid("/id", "mismatch", "must be the id of the address, or be left out")
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	patch := Patch(raw).Clone()
	if err := patch.Compact(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "compact a patch")
	}
	if len(patch) > MaxDraft {
		return nil, fault.New(fault.TooLarge, "The patch has %d bytes, more than %d.", len(patch), MaxDraft)
	}
	return patch, nil
}

// ApplyPatch returns the draft with the patch merged into it, or what is wrong
// with the outcome, as ParseDraft does.
func ApplyPatch(d Draft, patch Patch, now time.Time) (Draft, error) {
	merged, err := merge(d, patch)
	if err != nil {
		return Draft{}, err
	}
	return ParseDraft(merged, d.ID, now)
}

// witness is a book that every patch without faults of its own makes a valid
// one: its currency allows the most decimals, its amount suits every currency.
func witness(id uuid.UUID) Draft {
	return Draft{ID: id, Title: "title", Authors: []string{"author"}, Price: &Price{Amount: "1", Currency: "CLF"}}
}

func merge(d Draft, patch []byte) ([]byte, error) {
	base, err := json.Marshal(d)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encode a draft")
	}
	var target, change map[string]any
	options := json.JoinOptions(jsontext.AllowDuplicateNames(true), json.WithUnmarshalers(json.UnmarshalFromFunc(asWritten)))
	if err := json.Unmarshal(base, &target, options); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "decode a draft")
	}
	if err := json.Unmarshal(patch, &change, options); err != nil {
		return nil, fault.Wrap(fault.Syntax, err, "The patch is not a JSON object.")
	}
	merged, err := json.Marshal(mergeObject(target, change))
	return merged, fault.Wrap(fault.Internal, err, "encode a patched draft")
}

// asWritten keeps a number as it stands, for the rules of its field to judge: a
// float64 cannot hold every number, and makes 1999.0 the same as 1999.
func asWritten(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	number, err := dec.ReadValue()
	*v = number.Clone()
	return err
}

// mergeObject is MergePatch of RFC 7396 section 2.
func mergeObject(target, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for name, value := range patch {
		switch v := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			inner, _ := target[name].(map[string]any)
			target[name] = mergeObject(inner, v)
		default:
			target[name] = v
		}
	}
	return target
}
