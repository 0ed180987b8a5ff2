package book

import (
	"slices"
	"strconv"
	"strings"
)

// Tag is the entity tag of a version, quoted: "v7".
func Tag(version int64) string { return `"v` + strconv.FormatInt(version, 10) + `"` }

// Tags is the value of an If-Match or If-None-Match field (RFC 9110 section
// 13.1): any version, or some.
type Tags struct {
	Any      bool    `json:"any,omitzero"`
	Versions []int64 `json:"versions,omitempty"`
}

// ParseTags reads the value of such a field; false when it is malformed. A tag
// that is none of ours is read as a version that no book has. Weak tags count
// only when weak is set, as If-None-Match compares them.
func ParseTags(value string, weak bool) (Tags, bool) {
	const between = ", \t" // a list may have empty elements (RFC 9110 section 5.6.1)
	if strings.Trim(value, " \t") == "*" {
		return Tags{Any: true}, true
	}
	var tags Tags
	for rest := strings.TrimLeft(value, between); rest != ""; rest = strings.TrimLeft(rest, between) {
		tag, isWeak := strings.CutPrefix(rest, "W/")
		opaque, opened := strings.CutPrefix(tag, `"`)
		opaque, after, closed := strings.Cut(opaque, `"`) // which may hold commas
		rest = strings.TrimLeft(after, " \t")
		if !opened || !closed || rest != "" && rest[0] != ',' {
			return Tags{}, false
		}
		version, err := strconv.ParseInt(strings.TrimPrefix(opaque, "v"), 10, 64)
		if err != nil || Tag(version) != `"`+opaque+`"` || isWeak && !weak {
			version = -1
		}
		tags.Versions = append(tags.Versions, version)
	}
	return tags, len(tags.Versions) > 0
}

// Match reports whether a book that exists in this version is among the tags.
func (t Tags) Match(version int64) bool { return t.Any || slices.Contains(t.Versions, version) }

// Above reports whether a later version than this one is among the tags.
func (t Tags) Above(version int64) bool {
	return slices.ContainsFunc(t.Versions, func(v int64) bool { return v > version })
}
