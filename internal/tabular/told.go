package tabular

import (
	"slices"

	"github.com/go-json-experiment/json"
)

// toldName is the member of a line in a report of NDJSON that says what the importer
// said of its file: names of columns cannot carry it, since they are the members of
// the line.
const toldName = "_error_import"

// told is what the importer said of a file, as far as it has to be said again of the
// rows that failed.
type told struct {
	Mapping  map[string]string `json:"mapping,omitzero"`
	Key      []string          `json:"key,omitzero"`
	Currency string            `json:"currency,omitzero"`
}

// tell returns the member of a report's lines; nil when nothing was said.
func tell(p Plan) []byte {
	t := told{Currency: p.Currency}
	for _, c := range p.Columns {
		if field, _ := recognise(c.Name); field != c.Field && !ours(c.Name) {
			if t.Mapping == nil {
				t.Mapping = map[string]string{}
			}
			t.Mapping[c.Name] = c.Field
		}
	}
	for _, i := range p.Key {
		t.Key = append(t.Key, p.Columns[i].Name)
	}
	if t.Mapping == nil && t.Key == nil && t.Currency == "" {
		return nil
	}
	raw, _ := json.Marshal(t, json.Deterministic(true)) // of texts, which never fails
	return raw
}

// recall takes what a report says, unless the importer says it anew, and returns the
// columns that it names. The first line that says something counts.
func (s *scanner) recall(e Encoding) (names []string) {
	if s.plan.Kind != NDJSON {
		return nil
	}
	for _, rec := range s.sample {
		_, values, err := object(e.text(trimMark(rec.raw)))
		if err != nil || values[toldName] == nil {
			continue
		}
		var t told
		if json.Unmarshal(values[toldName], &t) != nil || (Options{Mapping: t.Mapping, Currency: t.Currency}).Check() != nil {
			continue
		}
		if len(s.Mapping) == 0 {
			s.Mapping, names = t.Mapping, sortedKeys(t.Mapping)
		}
		if len(s.Key) == 0 {
			s.Key, names = t.Key, append(names, t.Key...)
		}
		if s.Currency == "" {
			s.Currency = t.Currency
		}
		return names
	}
	return nil
}

// also are the columns that the first lines have, and those that a report names, which
// the lines that failed may all lack.
func also(columns, named []string) []string {
	for _, name := range named {
		if len(columns) < MaxColumns && !ours(name) && !slices.ContainsFunc(columns, func(o string) bool { return key(o) == key(name) }) {
			columns = append(columns, name)
		}
	}
	return columns
}
