//! Which names mean a secret.
//!
//! `"X-Api-Key" | "access_token" | "clientSecret" | … → yes`
//!
//! Recordings hold fingerprints in their place, and rules don't judge what is inside them, so that they find the same in
//! a redacted exchange. No property of the OpenActive models is among them (`accessCode`, `accessPass` and
//! `hasCredential` stay).

/// Longest name that is looked at, in bytes; what is longer is no name.
const LONGEST: usize = 64;

/// What a name may end with, lower case and without separators.
const ENDINGS: [&str; 17] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "secretkey",
    "privatekey",
    "accesskey",
    "subscriptionkey",
    "functionskey",
    "authorization",
    "clientassertion",
    "samlassertion",
    "signature",
    "pwd",
    "jwt",
];

/// Short names that mean a secret in a URL or form, and much else elsewhere.
const PARAMETERS: [&str; 17] = [
    "key",
    "code",
    "devicecode",
    "usercode",
    "authcode",
    "otp",
    "sig",
    "pass",
    "pwd",
    "auth",
    "jwt",
    "assertion",
    "credential",
    "xamzcredential",
    "xgoogcredential",
    "sid",
    "sessionid",
];

/// Header fields that only look like secrets.
const HARMLESS_FIELDS: [&str; 4] = ["secwebsocketkey", "idempotencykey", "surrogatekey", "prefersignature"];

/// True if a JSON member or a parameter of that name is a secret wherever it stands.
pub fn is_secret(name: &[u8]) -> bool {
    normal(name).is_some_and(|name| ENDINGS.iter().any(|ending| name.as_str().ends_with(ending)))
}

/// True if a parameter of a URL or form of that name is a secret.
pub fn is_secret_parameter(name: &[u8]) -> bool {
    is_secret(name) || normal(name).is_some_and(|name| PARAMETERS.contains(&name.as_str()))
}

/// True if the value of a header field is a secret (cookies aside).
pub fn is_secret_field(name: &str) -> bool {
    let Some(name) = normal(name.as_bytes()) else { return false };
    let name = name.as_str();
    let tells = || {
        let begins = ["xauth", "xsession", "xamzsecurity"].iter().any(|start| name.starts_with(start));
        let holds = ["token", "secret", "password", "apikey", "authorization", "assertion"];
        begins || holds.iter().any(|part| name.contains(part)) || name.ends_with("key") || name.ends_with("signature")
    };
    tells() && !HARMLESS_FIELDS.contains(&name) && !name.starts_with("accesscontrol")
}

/// True if the value may begin with the name of an authentication scheme.
pub fn is_authorization(name: &[u8]) -> bool {
    normal(name).is_some_and(|name| name.as_str().ends_with("authorization"))
}

/// Lower case, without the separators that programs put between words.
struct Normal {
    letters: [u8; LONGEST],
    length: usize,
}

impl Normal {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.letters[..self.length]).unwrap_or_default()
    }
}

fn normal(name: &[u8]) -> Option<Normal> {
    if name.len() > LONGEST {
        return None;
    }
    let mut normal = Normal { letters: [0; LONGEST], length: 0 };
    for &byte in name {
        if !matches!(byte, b'_' | b'-' | b'.') {
            normal.letters[normal.length] = byte.to_ascii_lowercase();
            normal.length += 1;
        }
    }
    Some(normal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members() {
        for name in [
            "access_token",
            "accessToken",
            "refresh-token",
            "id_token",
            "token",
            "registration_access_token",
            "client_secret",
            "clientSecret",
            "Password",
            "api_key",
            "apiKey",
            "API-KEY",
            "Authorization",
        ] {
            assert!(is_secret(name.as_bytes()), "{name}");
        }
        for name in [
            "accessCode",
            "accessPass",
            "accessChannel",
            "hasCredential",
            "postalCode",
            "authenticationAuthority",
            "keywords",
            "token_type",
            "identifier",
            "tokens",
            "code",
            "key",
        ] {
            assert!(!is_secret(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn parameters() {
        for name in ["key", "code", "sig", "X-Amz-Signature", "X-Amz-Credential", "access_token", "client_secret"] {
            assert!(is_secret_parameter(name.as_bytes()), "{name}");
        }
        for name in ["afterTimestamp", "afterId", "postcode", "limit", "keys", "version", "q"] {
            assert!(!is_secret_parameter(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn fields() {
        for name in [
            "X-API-Key",
            "apikey",
            "Ocp-Apim-Subscription-Key",
            "X-Auth-User",
            "X-CSRF-Token",
            "X-Amz-Security-Token",
            "X-Client-Secret",
            "Authorization",
            "Proxy-Authorization",
            "X-Forwarded-Authorization",
        ] {
            assert!(is_secret_field(name), "{name}");
        }
        for name in [
            "Content-Type",
            "Accept",
            "WWW-Authenticate",
            "Sec-WebSocket-Key",
            "Idempotency-Key",
            "Cache-Control",
            "Access-Control-Allow-Headers",
            "Host",
            "ETag",
        ] {
            assert!(!is_secret_field(name), "{name}");
        }
    }
}
