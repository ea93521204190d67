//! The list of names that mean a secret, in words: lower case, without what stands between them.

/// What the letters of a name may end with, whatever stands before: no ordinary word ends like that.
pub(super) const ENDINGS: [&str; 51] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "jwt",
    "hmac",
    "signature",
    "authorization",
    "clientassertion",
    "samlassertion",
    "samlresponse",
    "apikey",
    "appkey",
    "applicationkey",
    "licensekey",
    "licencekey",
    "integrationkey",
    "securitykey",
    "writekey",
    "passkey",
    "secretkey",
    "secretkeybase",
    "privatekey",
    "accesskey",
    "subscriptionkey",
    "functionskey",
    "masterkey",
    "sharedkey",
    "encryptionkey",
    "decryptionkey",
    "signingkey",
    "signkey",
    "sessionkey",
    "authkey",
    "accountkey",
    "clientkey",
    "consumerkey",
    "webhookkey",
    "codeverifier",
    "devicecode",
    "usercode",
    "authcode",
    "authorizationcode",
    "verificationcode",
    "recoverycode",
    "secretanswer",
    "sessid",
    "jsessionid",
];

/// Last words of a name that are a secret wherever they stand.
pub(super) const WORDS: [&str; 21] = [
    "otp",
    "totp",
    "hotp",
    "otpcode",
    "mfacode",
    "onetimecode",
    "securitycode",
    "backupcode",
    "logincode",
    "smscode",
    "twofactorcode",
    "resetcode",
    "activationcode",
    "pw",
    "dpop",
    "passw",
    "csrf",
    "xsrf",
    "antiforgery",
    "cvv",
    "cvc",
];

/// Last words of a name that are a secret in a header field, and elsewhere if the value looks like one.
pub(super) const AMBIGUOUS: [&str; 20] = [
    "sig",
    "pass",
    "auth",
    "pin",
    "bearer",
    "session",
    "sessionid",
    "sid",
    "cookie",
    "credential",
    "assertion",
    "verifier",
    "authentication",
    "pincode",
    "servicekey",
    "storagekey",
    "tokenid",
    "secretid",
    "authheader",
    "sas",
];

/// Whole names that are a secret in a URL or form, and much else elsewhere.
pub(super) const PARAMETERS: [&str; 13] = [
    "key",
    "code",
    "sig",
    "pass",
    "auth",
    "pin",
    "sid",
    "assertion",
    "credential",
    "xamzcredential",
    "xgoogcredential",
    "bearer",
    "ticket",
];

/// What header fields are a secret whose name holds it anywhere, as `X-Auth-User` and `X-Amz-Security-Token-Id` do.
pub(super) const IN_FIELDS: [&str; 8] =
    ["token", "secret", "password", "apikey", "authorization", "assertion", "xauth", "xsession"];

/// Header fields that only look like secrets.
pub(super) const HARMLESS_FIELDS: [&str; 9] = [
    "secwebsocketkey",
    "idempotencykey",
    "surrogatekey",
    "publickey",
    "prefersignature",
    "acceptsignature",
    "wantsignature",
    "tokentype",
    "authenticationresults",
];

/// Names of the OpenActive models and the like that end in an ambiguous word.
pub(super) const HARMLESS: [&str; 3] = ["accesspass", "hascredential", "credentialcategory"];

/// Words behind a name that leave it what it is, as in `password_confirmation`.
pub(super) const SUFFIXES: [&str; 21] = [
    "value",
    "val",
    "hash",
    "hashed",
    "digest",
    "raw",
    "plain",
    "encoded",
    "encrypted",
    "hex",
    "old",
    "new",
    "current",
    "confirm",
    "confirmation",
    "repeat",
    "again",
    "string",
    // `client_secret_basic`, `loginToken2FA`.
    "basic",
    "fa",
    "mfa",
];

/// Last words of the names of objects in which what looks like a secret is one.
pub(super) const HOLDERS: [&str; 3] = ["credential", "auth", "authentication"];

/// Parameters that are a secret between a client and its login, and ordinary words elsewhere.
pub(super) const OF_LOGINS: [&str; 2] = ["state", "nonce"];

/// Parameters that only a login has.
pub(super) const LOGIN: [&str; 12] = [
    "clientid",
    "responsetype",
    "responsemode",
    "redirecturi",
    "codechallenge",
    "code",
    "granttype",
    "idtoken",
    "accesstoken",
    "sessionstate",
    "error",
    "iss",
];
