package config

import (
	"errors"
	"io"

	"acervo/internal/job"
)

// Covers configures the function that makes covers.
type Covers struct {
	AWS
	ReceiptKeys []job.Key // the current one first
}

// ParseCovers is ParseAPI for the function that makes covers.
func ParseCovers(args []string, getenv func(string) string, stdout io.Writer) (Covers, error) {
	var t awsText
	var receiptKeys string
	options := append(t.options(), option{
		name: "receipt-keys", usage: "the keys that sign receipts, as the API has them; needed", text: &receiptKeys,
	})
	if err := read("covers", options, args, getenv, stdout); err != nil {
		return Covers{}, err
	}
	var m mistakes
	wrong := wrong(m.add)
	return Covers{AWS: t.parse(wrong), ReceiptKeys: wrong.receiptKeys(receiptKeys)}, errors.Join(m...)
}
