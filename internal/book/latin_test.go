package book

import (
	"testing"

	"pgregory.net/rapid"
)

// latin are the characters that foldLatin may meet, and some that it must leave
// alone.
func latin() (all []rune) {
	for r := range rune(0x180) {
		all = append(all, r)
	}
	return append(all, 0x301, 0x327, 0x200b, 0x3c3, 0xfffd)
}

func TestLatinLettersAreFoldedAsAllOthersAre(t *testing.T) {
	t.Parallel()
	quick := 0
	for _, r := range latin() {
		for _, next := range latin() {
			s := string([]rune{r, next})
			folded, ok := foldLatin(s)
			if want := foldAny(s); ok && folded != want {
				t.Errorf("%+q is folded to %+q, want %+q", s, folded, want)
			}
			if ok {
				quick++
			}
		}
	}
	if want := (128 + 57) * (128 + 57); quick != want {
		t.Errorf("%d pairs are folded the quick way, want %d", quick, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.SampledFrom(latin())).Draw(t, "s")
		if folded, ok := foldLatin(s); ok && folded != foldAny(s) {
			t.Errorf("%+q is folded to %+q, want %+q", s, folded, foldAny(s))
		}
	})
}
