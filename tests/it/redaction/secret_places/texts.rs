//! Places in forms, markup and plain text.

use super::*;

pub fn forms(table: &mut Table) {
    for name in [
        "code",
        "code_verifier",
        "passcode",
        "client_secret",
        "refresh_token",
        "password",
        "user[password]",
        "token[]",
        "login.pwd",
        "device_code",
        "client_assertion",
        "SAMLResponse",
        "_csrf",
        "pin",
        "otp",
        "access%255Ftoken",
    ] {
        table.text(format!("form, {name}"), FORM, |secret| format!("grant_type=a&{name}={secret}&z="));
    }
    table.text("form, JSON within".to_owned(), FORM, |secret| {
        format!("payload=%7B%22token%22%3A+%22{secret}%22%7D&x=1")
    });
    for name in [
        "\"password\"",
        "\"api_key\"",
        "\"user[password]\"",
        "client_secret",
        "\"code\"",
        "\"token\"; filename=\"a.txt\"",
    ] {
        let multipart = "multipart/form-data; boundary=b";
        table.text(format!("multipart, {name}"), multipart, |secret| {
            let head = "Content-Disposition: form-data; name";
            format!("--b\r\n{head}=\"a\"\r\n\r\n1\r\n--b\r\n{head}={name}\r\nContent-Type: text/plain\r\n\r\n{secret}\r\n--b--\r\n")
        });
    }
    table.text("multipart, JSON within".to_owned(), "multipart/form-data; boundary=b", |secret| {
        format!("--b\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: application/json\r\n\r\n{{\"token\": \"{secret}\"}}\r\n--b--\r\n")
    });
    table.text("multipart, JSON within in folded base64".to_owned(), "multipart/mixed; boundary=b", |secret| {
        let json = format!("{{\"a\": \"{}\", \"token\": \"{secret}\", \"z\": \"{}\"}}", "b".repeat(40), "c".repeat(40));
        let encoded = STANDARD.encode(json);
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        format!("--b\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n", lines.join("\r\n"))
    });
}

pub fn markup(table: &mut Table) {
    for (kind, xml) in [
        ("element", "<a><password>«»</password></a>"),
        ("element of a namespace", "<w:Token><w:AccessToken>«»</w:AccessToken></w:Token>"),
        ("element with attributes", "<wsse:Password Type=\"text\" b='c'>«»</wsse:Password>"),
        ("elements within", "<secret><part>a</part><part>«»</part></secret>"),
        ("CDATA", "<apiKey><![CDATA[«»]]></apiKey>"),
        ("session", "<SessionId>«»</SessionId>"),
        ("attribute", "<user name=\"a\" password=\"«»\"/>"),
        ("attribute in single quotes", "<user apiKey='«»'></user>"),
        ("attribute with blanks", "<user client_secret = \"«»\" />"),
        ("attribute of a namespace", "<x a:token=\"«»\"/>"),
        ("key and value", "<add key=\"ApiKey\" value=\"«»\"/>"),
        ("value and key", "<add value='«»' key='ApiKey'/>"),
        ("named element", "<property name=\"db.password\">«»</property>"),
        ("pair of elements", "<header><name>X-Api-Key</name><value>«»</value></header>"),
        ("property list", "<dict><key>password</key>\n<string>«»</string></dict>"),
        ("hidden field", "<input type=hidden name=\"csrf_token\" value=\"«»\">"),
        ("meta", "<meta name=\"csrf-token\" content=\"«»\">"),
        ("http-equiv", "<meta http-equiv=\"Set-Cookie\" content=\"sid=«»; Path=/\">"),
        ("link", "<a href=\"/x?a=1&amp;access_token=«»&amp;b=2\">b</a>"),
        ("JSON in an attribute", "<div data-x=\"{&quot;token&quot;:&quot;«»&quot;}\"></div>"),
        ("JSON in references by number", "<p>&#123;&#34;token&#34;:&#x22;«»&#x22;}</p>"),
        ("name in references", "<p>&#116;oken&equals;«»</p>"),
        ("script", "<script>var config = {token: '«»', x: 1};</script>"),
    ] {
        table.text(format!("markup, {kind}"), XML, |secret| xml.replace("«»", secret));
    }
}

pub fn texts(table: &mut Table) {
    for (kind, text) in [
        ("header field", "POST / HTTP/1.1\r\nX-Api-Key: «»\r\nHost: a\r\n\r\n"),
        ("cookie", "> Cookie: a=b; sid=«»\n> Host: a\n"),
        ("set-cookie", "< Set-Cookie: sid=«»; Path=/\n"),
        ("challenge", "< WWW-Authenticate: Digest realm=\"a\", nonce=\"«»\"\n"),
        ("authorization in a sentence", "it was sent as Authorization: Bearer «» and refused"),
        ("bearer in a sentence", "Bearer «» is unknown"),
        ("dpop in a sentence", "DPoP «» is unknown"),
        ("YAML", "a: 1\nclient:\n  secret: «»\n"),
        ("YAML in quotes", "- api_key: \"«»\"\n"),
        ("settings", "HOST=a\nDB_PASSWORD=«»\n"),
        ("settings with blanks", "[a]\npassword = «»\n"),
        ("settings in quotes", "password = \"«»\"\n"),
        ("Python", "{'access_token': '«»', 'a': 1}"),
        ("PHP", "['token' => '«»']"),
        ("Ruby", "{\"token\" => \"«»\"}"),
        ("JavaScript", "const a = { apiKey: \"«»\" };"),
        ("connection string", "Server=a;User=b;Password=«»;Timeout=5"),
        ("URL with user-info", "see postgres://me:«»@db.example/a"),
        ("URL", "see https://a.example/?api_key=«». Or don't."),
        ("curl -u", "curl -u bob:«» https://b.example/"),
        ("curl -u in quotes", "curl -s -u 'bob:«»' https://b.example/"),
        ("curl -ubob", "curl -ubob:«» https://b.example/"),
        ("curl --user", "curl --user bob:«» https://b.example/"),
        ("curl --user=", "curl --user=bob:«» https://b.example/"),
        ("curl -b", "curl -b 'a=b; sid=«»' https://b.example/"),
        ("curl --oauth2-bearer", "curl --oauth2-bearer «» https://b.example/"),
        ("curl -H", "curl -H 'X-Api-Key: «»' https://b.example/"),
        ("wget", "wget --http-password=«» https://b.example/"),
        ("--password", "tool --password «» -v"),
        ("private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n«»\n-----END RSA PRIVATE KEY-----\n"),
        (
            "private key, encrypted",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB\n\n«»\n-----END RSA PRIVATE KEY-----\n",
        ),
        ("private key, cut off", "-----BEGIN EC PRIVATE KEY-----\nMIIB\n«»"),
        (
            "private key of PGP",
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n«»\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----\n",
        ),
    ] {
        table.text(format!("text, {kind}"), TEXT, |secret| text.replace("«»", secret));
        let in_json = serde_json::to_string(&text).expect("JSON");
        table.json(format!("string, {kind}"), |secret| {
            format!(r#"{{"log": {}, "x": "y"}}"#, in_json.replace("«»", secret))
        });
    }
}
