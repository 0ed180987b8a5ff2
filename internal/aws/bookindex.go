package aws

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"acervo/internal/book"
)

// shards is over how many partitions each list of books is spread.
const shards = 8

// The kinds of index partitions of books.
const (
	titleShard   = "t"
	firstShard   = "p" // of first authors
	furtherShard = "f" // of further authors
	updatedShard = "u"
)

// index adds the attributes by which a book is listed. One that readers do not see
// has none, and so leaves the lists.
func index(stored row, item book.Item) {
	if !item.Exists() {
		return
	}
	id, keys := item.ID.String(), book.SearchKeys(item)
	stored["title_shard"], stored["title_key"] = str(shard(titleShard, id, shards)), str(keys.Title)
	stored["updated_shard"], stored["updated_key"] = str(shard(updatedShard, id, shards)), str(keys.Updated)
	if len(keys.Authors) > 0 {
		stored["author_shard"], stored["author_key"] = str(shard(firstShard, id, shards)), str(keys.Authors[0])
	}
	if item.Cover != nil {
		stored["cover"] = str(item.Cover.SHA256)
	}
	if keys.ISBN != "" {
		stored["isbn"] = str(keys.ISBN)
	}
	if further := mark(furtherEntries(item)); further != "" {
		stored["further"] = str(further)
	}
}

// furtherEntries are the items by which a book is listed under its second author
// and those after.
func furtherEntries(item book.Item) (entries []row) {
	keys := book.SearchKeys(item).Authors
	for i := 1; i < len(keys); i++ {
		entry := bookKey(item.ID, furtherPart(i-1))
		entry["author_shard"], entry["author_key"] = str(shard(furtherShard, item.ID.String(), shards)), str(keys[i])
		entries = append(entries, entry)
	}
	return entries
}

// furtherPart is the sort key of an entry, counted from zero.
func furtherPart(i int) string { return fmt.Sprintf("author#%02d", i+2) }

// mark says how many entries there are and which, empty for none. It stands in the
// book's own item, so that a write knows whether the entries have to change.
func mark(entries []row) string {
	if len(entries) == 0 {
		return ""
	}
	sum := sha256.New()
	for _, e := range entries {
		key, _ := readString(e, "author_key")
		fmt.Fprintf(sum, "%q", key)
	}
	return fmt.Sprintf("%d %x", len(entries), sum.Sum(nil)[:8])
}

// marked is how many entries a mark stands for.
func marked(mark string) int {
	count, _, _ := strings.Cut(mark, " ")
	n, _ := strconv.Atoi(count)
	return n
}
