package config

import (
	"errors"
	"io"
)

// ParseDrops reads the configuration of the function that reads what is dropped, or
// reports every mistake, each by its flag. Lambda gives no arguments, only an
// environment.
func ParseDrops(args []string, getenv func(string) string, stdout io.Writer) (AWS, error) {
	var t awsText
	if err := read("drops", t.options(), args, getenv, stdout); err != nil {
		return AWS{}, err
	}
	var m mistakes
	c := t.parse(wrong(m.add))
	return c, errors.Join(m...)
}
