package tabular

import (
	"regexp"
	"strings"

	"acervo/internal/book"
)

var (
	number  = regexp.MustCompile(`[.,]?\d[\d.,' \x{A0}\x{202F}]*`)
	grouped = regexp.MustCompile(`^\d{1,3}(?:[.,' ]\d{3})+$`)
)

// parsePrice reads an amount and, if the cell names one, its currency; else it is
// in the given one. Points and commas are told apart by how they stand: the last
// one of two kinds is the decimal one; a single one before exactly three digits
// is both, so that it is understood only beside a sign whose country settles it
// (R$ 1.234 is a thousand), and not understood otherwise.
func parsePrice(cell, given string) (*book.Price, trouble) {
	cell = strings.ReplaceAll(strings.ReplaceAll(cell, "\u00A0", " "), "\u202F", " ")
	at := number.FindStringIndex(cell)
	if at == nil {
		return nil, trouble{"not_an_amount", "holds no amount"}
	}
	before, after := strings.TrimSpace(cell[:at[0]]), strings.TrimSpace(cell[at[1]:])
	sign := strings.TrimSpace(before + " " + after)
	own, decimal, ok := currencySign(sign)
	switch {
	case !ok:
		return nil, trouble{"not_an_amount", "holds more than an amount and its currency"}
	case own != "" && given != "" && own != given:
		return nil, trouble{"two_currencies", "names another currency than the column of currencies, or than its own name"}
	case own == "":
		own = given
	}
	amount, t := parseAmount(strings.TrimRight(cell[at[0]:at[1]], " .,'"), decimal)
	if t.code != "" {
		return nil, t
	}
	if own == "" {
		return nil, trouble{codeNoCurrency, "names no currency; add a column of currencies, or say which with the file"}
	}
	return &book.Price{Amount: amount, Currency: own}, trouble{}
}

// parseAmount reads a number as written where the decimal mark is the given one,
// or anywhere when it is 0.
func parseAmount(s string, decimal byte) (string, trouble) {
	last := strings.LastIndexAny(s, ".,")
	switch {
	case grouped.MatchString(s) && (strings.ContainsAny(s, "' ") || last >= 0 && strings.Count(s, s[last:last+1]) > 1):
		return wholeAmount(s)
	case last < 0:
		return wholeAmount(s)
	}
	mark, decimals := s[last], s[last+1:]
	head := s[:last]
	if strings.IndexByte(head, mark) >= 0 {
		return "", trouble{"not_an_amount", "is no number"}
	}
	if head != "0" && len(decimals) == 3 && grouped.MatchString(s) {
		switch decimal {
		case 0:
			return "", trouble{"ambiguous_amount", "could mean thousands or thousandths; write it with two decimals"}
		case mark:
		default:
			return wholeAmount(s)
		}
	}
	if strings.Trim(head, "0123456789") != "" && !grouped.MatchString(head) || strings.Trim(decimals, "0123456789") != "" {
		return "", trouble{"not_an_amount", "is no number"}
	}
	head, _ = wholeAmount(head)
	return trimDecimals(head + "." + decimals), trouble{}
}

func wholeAmount(s string) (string, trouble) {
	s = strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
	if trimmed := strings.TrimLeft(s, "0"); trimmed != "" {
		return trimmed, trouble{}
	}
	return "0", trouble{}
}

// trimDecimals drops zeros beyond the second decimal, which only a program writes.
func trimDecimals(s string) string {
	point := strings.IndexByte(s, '.')
	for len(s) > point+3 && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	return s
}

// currencySign reads what stands beside an amount: nothing, a code of ISO 4217 or
// a sign. A dollar is one of many countries, so that it names none. The decimal
// mark is told by signs that are written in one way only.
func currencySign(s string) (code string, decimal byte, ok bool) {
	switch strings.ToUpper(strings.Trim(s, " .")) {
	case "":
		return "", 0, true
	case "R$", "BRL", "REAIS", "REAL", "BRL R$", "R$ BRL":
		return "BRL", ',', true
	case "US$", "U$", "USD", "USD $", "$ USD", "US$ USD":
		return "USD", '.', true
	case "$", "¥":
		return "", 0, true
	case "£", "GBP", "GBP £", "£ GBP":
		return "GBP", '.', true
	case "€", "EUR €", "€ EUR", "EUROS":
		return "EUR", 0, true
	default:
		code = strings.ToUpper(strings.TrimSpace(s))
		return code, 0, book.IsCurrency(code)
	}
}
