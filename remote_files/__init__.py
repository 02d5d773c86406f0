"""The only package that speaks S3 and HTTPS: files that lie elsewhere, read from any byte on."""
