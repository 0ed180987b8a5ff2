package aws

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"acervo/internal/blob"
	"acervo/internal/book"
	"acervo/internal/fault"
)

// Objects keeps objects in a bucket of S3 that keeps versions. What was overwritten or
// deleted can be read by its version until the bucket's lifecycle removes it. A call
// that carries a body takes as long as its context allows.
type Objects struct {
	s3        *s3.Client
	bucket    string
	streaming *client
}

var _ blob.Store = (*Objects)(nil)

// Objects returns the objects of a bucket. It calls nobody.
func (c *Clients) Objects(bucket string) *Objects {
	return &Objects{s3: c.S3, bucket: bucket, streaming: httpClient(c.transport, 0)}
}

func (o *Objects) stream(options *s3.Options) { options.HTTPClient = o.streaming }

// Put implements blob.Store. The SDK tries again what fails, and S3 compares the
// body with a checksum that the SDK makes of it.
func (o *Objects) Put(ctx context.Context, key, contentType string, body io.ReadSeeker) (blob.Object, error) {
	if err := errors.Join(blob.CheckKey(key), blob.CheckType(contentType)); err != nil {
		return blob.Object{}, err
	}
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	switch {
	case err != nil:
		return blob.Object{}, fault.Wrap(fault.KindOf(err), err, "measure the body of %s", key)
	case size > blob.MaxBytes:
		return blob.Object{}, fault.New(fault.TooLarge, "An object has at most %d bytes.", int64(blob.MaxBytes))
	}
	out, err := o.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &o.bucket, Key: &key, ContentType: &contentType, CacheControl: keptFor(key), ContentLength: &size, Body: body,
	}, o.stream)
	if err != nil {
		return blob.Object{}, classifyObject(err, "put %s", key)
	}
	return o.object(key, out.VersionId, size, new(time.Now()))
}

// keptFor is what S3 says to whoever gets an object past us, such as a CDN: renditions
// may be kept, by anybody who may see them.
func keptFor(key string) *string {
	if !book.IsRendition(key) {
		return nil
	}
	return sdk.String("public, " + book.RenditionKept)
}

// object describes an object, whose bucket must keep versions.
func (o *Objects) object(key string, version *string, size int64, at *time.Time) (blob.Object, error) {
	if sdk.ToString(version) == "" {
		return blob.Object{}, fault.New(fault.Internal, "the bucket %s keeps no versions", o.bucket)
	}
	return blob.Object{Key: key, Version: *version, Size: size, ModifiedAt: sdk.ToTime(at).UTC()}, nil
}

// Stat implements blob.Store.
func (o *Objects) Stat(ctx context.Context, key string) (blob.Object, error) {
	if err := blob.CheckKey(key); err != nil {
		return blob.Object{}, err
	}
	return o.stat(ctx, key, nil)
}

func (o *Objects) stat(ctx context.Context, key string, version *string) (blob.Object, error) {
	out, err := o.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &o.bucket, Key: &key, VersionId: version})
	if err != nil {
		return blob.Object{}, classifyObject(err, "describe %s", key)
	}
	return o.object(key, out.VersionId, sdk.ToInt64(out.ContentLength), out.LastModified)
}

// Get implements blob.Store.
func (o *Objects) Get(ctx context.Context, key, version string, part blob.Range) (io.ReadCloser, blob.Object, error) {
	if err := errors.Join(blob.CheckKey(key), part.Check()); err != nil {
		return nil, blob.Object{}, err
	}
	in := &s3.GetObjectInput{Bucket: &o.bucket, Key: &key, Range: rangeOf(part)}
	if version != "" {
		in.VersionId = &version
	}
	out, err := o.s3.GetObject(ctx, in, o.stream)
	if statusOf(err) == http.StatusRequestedRangeNotSatisfiable { // it begins beyond the end
		object, err := o.stat(ctx, key, in.VersionId)
		return http.NoBody, object, err
	}
	if err != nil {
		return nil, blob.Object{}, classifyObject(err, "get %s", key)
	}
	object, err := o.object(key, out.VersionId, wholeSize(out), out.LastModified)
	if part.Offset > 0 && out.ContentRange == nil { // RFC 9110 section 14.2 lets a server ignore a range
		err = fault.New(fault.Internal, "the store of objects answered for the part %s of %s with the whole", *in.Range, key)
	}
	if err != nil {
		return nil, blob.Object{}, errors.Join(err, out.Body.Close())
	}
	return &objectBody{out.Body}, object, nil
}

// rangeOf is a part as a Range header says it (RFC 9110 section 14.1.2).
func rangeOf(part blob.Range) *string {
	if part == (blob.Range{}) {
		return nil
	}
	text := "bytes=" + strconv.FormatInt(part.Offset, 10) + "-"
	if last := part.Offset + part.Length - 1; part.Length > 0 && last >= part.Offset { // else it is beyond any end
		text += strconv.FormatInt(last, 10)
	}
	return &text
}

// wholeSize is the size of the object of which a part was got.
func wholeSize(out *s3.GetObjectOutput) int64 {
	if _, whole, ok := strings.Cut(sdk.ToString(out.ContentRange), "/"); ok {
		if size, err := strconv.ParseInt(whole, 10, 64); err == nil {
			return size
		}
	}
	return sdk.ToInt64(out.ContentLength)
}

// objectBody gives the errors of a body their kind.
type objectBody struct{ io.ReadCloser }

func (b *objectBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fault.Wrap(fault.Unavailable, err, "read an object")
	}
	return n, err
}

// Delete implements blob.Store.
func (o *Objects) Delete(ctx context.Context, key string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	_, err := o.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.bucket, Key: &key})
	if err = classifyObject(err, "delete %s", key); fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// DeleteVersion implements blob.Store. What was put before this version, if it was
// the current one, is current again.
func (o *Objects) DeleteVersion(ctx context.Context, key, version string) error {
	if err := blob.CheckKey(key); err != nil {
		return err
	}
	if version == "" {
		return fault.New(fault.Invalid, "A version is named.")
	}
	_, err := o.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &o.bucket, Key: &key, VersionId: &version})
	if err = classifyObject(err, "delete a version of %s", key); fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// List implements blob.Store.
func (o *Objects) List(ctx context.Context, prefix, after string, limit int) (blob.Page, error) {
	if err := blob.CheckPage(prefix, after, limit); err != nil {
		return blob.Page{}, err
	}
	in := &s3.ListObjectsV2Input{
		Bucket: &o.bucket, Prefix: &prefix, MaxKeys: sdk.Int32(int32(limit)),
		EncodingType: types.EncodingTypeUrl, // XML cannot say every key
	}
	if after != "" {
		in.StartAfter = &after
	}
	out, err := o.s3.ListObjectsV2(ctx, in)
	if err != nil {
		return blob.Page{}, classifyObject(err, "list %s", prefix)
	}
	var page blob.Page
	var last string
	for _, item := range out.Contents {
		if last, err = listedKey(item, out.EncodingType); err != nil {
			return blob.Page{}, err
		}
		if blob.CheckKey(last) == nil {
			page.Objects = append(page.Objects, blob.Object{
				Key: last, Size: sdk.ToInt64(item.Size), ModifiedAt: sdk.ToTime(item.LastModified).UTC(),
			})
		}
	}
	if sdk.ToBool(out.IsTruncated) {
		page.Next = last
	}
	return page, nil
}

// listedKey returns the key of an item, which S3 escapes as asked, and not every engine.
func listedKey(item types.Object, encoding types.EncodingType) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return sdk.ToString(item.Key), nil
	}
	key, err := url.QueryUnescape(sdk.ToString(item.Key))
	return key, fault.Wrap(fault.Internal, err, "read the key of an object in a list")
}

// Sign implements blob.Store. What is signed holds only for a key without an object,
// so that S3 takes it once.
func (o *Objects) Sign(ctx context.Context, key, contentType string, bytes int64, expiry time.Duration) (blob.Upload, error) {
	if err := blob.CheckUpload(key, contentType, bytes, expiry); err != nil {
		return blob.Upload{}, err
	}
	signer := s3.NewPresignClient(o.s3, s3.WithPresignExpires(expiry))
	expires := time.Now().Truncate(time.Second).Add(expiry).UTC()
	signed, err := signer.PresignPutObject(ctx, &s3.PutObjectInput{
		Bucket: &o.bucket, Key: &key, ContentType: &contentType, ContentLength: &bytes, IfNoneMatch: sdk.String("*"),
	})
	if err != nil {
		return blob.Upload{}, classifyObject(err, "sign an upload to %s", key)
	}
	headers := map[string]string{}
	for name, values := range signed.SignedHeader {
		if name != "Host" && name != "Content-Length" {
			headers[name] = values[0]
		}
	}
	return blob.Upload{Method: signed.Method, URL: signed.URL, Headers: headers, ExpiresAt: expires}, nil
}

// classifyObject gives an error about an object its kind: fault.NotFound and
// fault.Conflict beside those of classify.
func classifyObject(err error, format string, args ...any) error {
	switch statusOf(err) {
	case http.StatusNotFound:
		return fault.Wrap(fault.NotFound, err, format, args...)
	case http.StatusConflict:
		return fault.Wrap(fault.Conflict, err, format, args...)
	default:
		return classify(err, format, args...)
	}
}

// statusOf returns the status of the answer that an error is made of, or zero.
func statusOf(err error) int {
	if answer := (*smithyhttp.ResponseError)(nil); errors.As(err, &answer) {
		return answer.HTTPStatusCode()
	}
	return 0
}
