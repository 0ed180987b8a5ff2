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
	value = strings.TrimSpace(value)
	if value == "*" {
		return Tags{Any: true}, true
	}
	var tags Tags
	for part := range strings.SplitSeq(value, ",") {
		part = strings.TrimSpace(part)
		opaque, isWeak := strings.CutPrefix(part, "W/")
		if len(opaque) < 2 || opaque[0] != '"' || opaque[len(opaque)-1] != '"' || strings.Contains(opaque[1:len(opaque)-1], `"`) {
			return Tags{}, false
		}
		version, err := strconv.ParseInt(strings.TrimPrefix(strings.Trim(opaque, `"`), "v"), 10, 64)
		if err != nil || Tag(version) != opaque || isWeak && !weak {
			version = -1
		}
		tags.Versions = append(tags.Versions, version)
	}
	return tags, true
}

// Match reports whether a book that exists in this version is among the tags.
func (t Tags) Match(version int64) bool { return t.Any || slices.Contains(t.Versions, version) }

// Above reports whether a later version than this one is among the tags.
func (t Tags) Above(version int64) bool {
	return slices.ContainsFunc(t.Versions, func(v int64) bool { return v > version })
}
