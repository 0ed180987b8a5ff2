package tabular

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"acervo/internal/book"
)

var (
	plainYear = regexp.MustCompile(`^[\[(]?(?:ca?\.?|©)?\s*(\d{1,4})(?:[.,]0+)?\.?[\])]?$`)
	shortDate = regexp.MustCompile(`^\d{1,2}[-/. ]([\p{L}]+)\.?[-/. ](\d{2})$`)
	clock     = regexp.MustCompile(`[T ]\d{1,2}:\d{2}.*$`)
	words     = regexp.MustCompile(`[\p{L}]+|\d+`)
)

// parseYear reads a year, or the year of a date: 2008, 2008.0, c2008, 31-Jul-14,
// 2014-07-31T00:00:00Z, 31/07/2014, 31 de julho de 2014. A year of two digits is
// the last one that is not after the next; it is understood only after the name
// of a month, where it cannot be a day; alone it may be of any century. Calibre's
// 0101-01-01 is no date.
func parseYear(cell string, now time.Time) (int, trouble) {
	if strings.HasPrefix(cell, "0101-01-01") {
		return 0, trouble{}
	}
	if m := plainYear.FindStringSubmatch(strings.ToLower(cell)); m != nil {
		y, _ := strconv.Atoi(m[1])
		switch {
		case y == 0:
			return 0, trouble{"not_a_year", "is no year"}
		case len(m[1]) < 3:
			return 0, trouble{"ambiguous_date", "has no year of four digits"}
		}
		return y, trouble{}
	}
	if m := shortDate.FindStringSubmatch(cell); len(m) == 3 && isMonth(m[1]) {
		y, _ := strconv.Atoi(m[2])
		next := now.UTC().Year() + 1
		if y += next - next%100; y > next {
			y -= 100
		}
		return y, trouble{}
	}
	return yearOfDate(clock.ReplaceAllString(cell, ""))
}

// yearOfDate finds the one number of four digits in what is otherwise made of
// days and months.
func yearOfDate(s string) (int, trouble) {
	year, parts := 0, words.FindAllString(s, -1)
	if strings.Trim(words.ReplaceAllString(s, ""), " -/.,") != "" || len(parts) > 6 {
		return 0, trouble{"not_a_year", "is neither a year nor a date"}
	}
	for _, part := range parts {
		n, err := strconv.Atoi(part)
		switch {
		case err == nil && len(part) == 4 && year == 0 && n > 0:
			year = n
		case err == nil && len(part) <= 2 && n >= 1 && n <= 31:
		case err != nil && (isMonth(part) || isFiller(part)):
		default:
			return 0, trouble{"not_a_year", "is neither a year nor a date"}
		}
	}
	if year == 0 {
		return 0, trouble{"ambiguous_date", "has no year of four digits"}
	}
	return year, trouble{}
}

func isFiller(s string) bool {
	switch strings.ToLower(s) {
	case "de", "of", "st", "nd", "rd", "th", "do", "º":
		return true
	default:
		return false
	}
}

// isMonth knows the months in English and Portuguese, whole or by three letters.
func isMonth(s string) bool {
	switch book.Fold(s) {
	case "jan", "january", "janeiro", "feb", "february", "fev", "fevereiro", "mar", "march", "marco",
		"apr", "april", "abr", "abril", "may", "mai", "maio", "jun", "june", "junho", "jul", "july", "julho",
		"aug", "august", "ago", "agosto", "sep", "sept", "september", "set", "setembro", "oct", "october", "out", "outubro",
		"nov", "november", "novembro", "dec", "december", "dez", "dezembro":
		return true
	default:
		return false
	}
}

// parseRating reads 4.5, 4,5, 4/5 and stars. Zero is how other programs say that
// there is none.
func parseRating(cell string) (float64, trouble) {
	if stars := strings.Trim(cell, "★☆⭐\uFE0F "); stars == "" {
		return float64(strings.Count(cell, "★") + strings.Count(cell, "⭐")), trouble{}
	}
	s := strings.TrimSpace(strings.TrimSuffix(strings.ReplaceAll(cell, " ", ""), "/5"))
	v, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
	if err != nil || strings.Trim(s, "0123456789.,") != "" {
		return 0, trouble{"not_a_number", "is no number from 1 to 5"}
	}
	return v, trouble{}
}
