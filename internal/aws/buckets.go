package aws

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// ObjectsBucket is the name of the bucket of the objects. It keeps versions, since a
// chunk of an import names the version that it was cut from.
const ObjectsBucket = "objects"

// Buckets returns the name of every bucket. All keep versions.
func Buckets() []string { return []string{ObjectsBucket} }

// CreateBuckets creates every bucket that does not exist yet, for development. The
// buckets themselves have names that begin with prefix.
func (c *Clients) CreateBuckets(ctx context.Context, prefix string) error {
	for _, name := range Buckets() {
		if err := c.CreateBucket(ctx, prefix+name); err != nil {
			return err
		}
	}
	return nil
}

// CreateBucket creates a bucket that keeps versions unless it exists, for development.
func (c *Clients) CreateBucket(ctx context.Context, bucket string) error {
	_, err := c.S3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: c.location()})
	if owned := (*types.BucketAlreadyOwnedByYou)(nil); err != nil && !errors.As(err, &owned) {
		return classify(err, "create the bucket %s", bucket)
	}
	_, err = c.S3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket:                  &bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	})
	return classify(err, "keep the versions of the bucket %s", bucket)
}

// location says where a bucket is made, which S3 wants to hear unless it is in its
// oldest region.
func (c *Clients) location() *types.CreateBucketConfiguration {
	region := c.S3.Options().Region
	if region == "us-east-1" {
		return nil
	}
	return &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
}
