/** A key in the form of `cosign generate-key-pair`, made for these tests with libsodium and scrypt; it opens nothing else. */
export const COSIGN_KEY = {
  passphrase: "open sesame",
  encrypted: `-----BEGIN ENCRYPTED COSIGN PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjozMjc2OCwiciI6
OCwicCI6MX0sInNhbHQiOiJhcVQzZXBmOXRuemhtOG94ZTlRY2dkY3I0Y2R2eHBp
VTlKR0I3N2ZrUFdJPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiI5T2FqeWZTQUU3Y1U1OEdydkRjbFFLWERRcGVlRFBKeCJ9LCJj
aXBoZXJ0ZXh0IjoicXpDRjVwWW13QjM3dHVZUlhqTGhxRHFlSjBpVlJNNCswaXNq
OWJxa1N6K2hnZ25lMGZ0cU91cjhWckFNQXZ5d0lkczM2aTg0NnJNSVVPUk9yVW5G
Sk42dlRyamYwQW1JVFJxaHhHNFFXckluNldCMUtGRnc1NERYbDJlQzNJd2FrSFFP
M0F5aWdTWjRoYWc1SGFoZHREc2Y3VEd0MWdlQW1yM3ptSjk4a2E1eEZ5MDhXSkw1
WHZxbkxMTnhPbGw4UHRBL2VQUHRXR2hzZmc9PSJ9
-----END ENCRYPTED COSIGN PRIVATE KEY-----
`,
  publicPem: `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEQiS3ynXPjjcZIhmdV/wMj8zd2M6c
qAGF/j3Wjif2T48ricEM2YdoIROHoEuqq9ZPtUwl+jN0q0CWzMZ3U3eHtw==
-----END PUBLIC KEY-----
`,
};
