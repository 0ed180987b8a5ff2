package aws

import (
	"strconv"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"acervo/internal/fault"
)

// fates are what became of the entries of one batch call, in their order.
type fates []error

// newFates are those of a call that failed, or of one whose answers are to be
// read: an entry that is answered neither way has an unknown fate.
func newFates(n int, err error, call string) fates {
	if err != nil {
		err = classify(err, "%s", call)
	} else {
		err = fault.New(fault.Unavailable, "%s: an entry was answered neither way", call)
	}
	f := make(fates, n)
	for i := range f {
		f[i] = err
	}
	return f
}

// entryID names the entry at a place in its batch.
func entryID(i int) *string { return sdk.String(strconv.Itoa(i)) }

func (f fates) set(id *string, err error) {
	if i, e := strconv.Atoi(sdk.ToString(id)); e == nil && i >= 0 && i < len(f) {
		f[i] = err
	}
}

func (f fates) succeeded(id *string) { f.set(id, nil) }

func (f fates) failed(entries []types.BatchResultErrorEntry) {
	for _, e := range entries {
		f.set(e.Id, entryError(e))
	}
}

// failedHandles is failed for entries that are nothing but a handle: when such a
// one is refused as the sender's own fault, the handle is stale.
func (f fates) failedHandles(entries []types.BatchResultErrorEntry) {
	for _, e := range entries {
		err := entryError(e)
		if e.SenderFault && fault.Is(err, fault.Internal) {
			err = fault.Wrap(fault.Stale, err, "the handle no longer owns the message")
		}
		f.set(e.Id, err)
	}
}

func entryError(e types.BatchResultErrorEntry) error {
	side := smithy.FaultServer
	if e.SenderFault {
		side = smithy.FaultClient
	}
	return classify(&smithy.GenericAPIError{Code: sdk.ToString(e.Code), Message: sdk.ToString(e.Message), Fault: side},
		"an entry of a batch failed")
}
