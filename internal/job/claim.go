package job

import (
	"context"
	"time"
)

// ClaimTTL is how long an Idempotency-Key is remembered.
const ClaimTTL = 14 * 24 * time.Hour

// Claim binds an Idempotency-Key of a caller to a request and its job.
type Claim struct {
	Caller string
	Key    string
	Hash   string // of the request: method, address, preconditions and body
	Job    string // the receipt
	Sent   bool   // the message is on the lane
}

// Claims is the port to the claims. Its reads are strong. It is safe for
// concurrent use. Its contract suite is jobtest.
type Claims interface {
	// Claim stores c, unless the caller has claimed the key within ClaimTTL; it
	// returns the claim that stands, and whether it is c.
	Claim(ctx context.Context, c Claim) (stands Claim, mine bool, err error)

	// MarkSent notes that the message of a claim is on the lane. It may be lost
	// with the power: then the message is sent again.
	MarkSent(ctx context.Context, c Claim) error
}
