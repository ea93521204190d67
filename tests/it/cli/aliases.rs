//! Rules that have another id than they had.

use std::fs;

use super::support::{GOLDEN, report, status, stderr, stdout, umpire_in};

/// A rule that takes the place of another one, and fires on what the faulty recording has.
const RENAMED: &str = r#"
title    = "The customer has a telephone number"
aliases  = ["customer/phone"]
severity = "failure"
side     = "broker"
scope    = "request"
stages   = ["C2"]
spec     = "https://openactive.io/open-booking-api/EditorsDraft/"
when     = '''is_object(request.body.customer)'''
expect   = '''has(request.body.customer.faxNumber)'''
at       = "/request/body/customer/faxNumber"
why      = "w"
fix      = "f"
"#;

#[test]
fn what_was_written_of_a_former_id_holds() {
    let folder = tempfile::tempdir().expect("a folder");
    let here = folder.path();
    fs::create_dir_all(here.join("rules/customer")).expect("a folder");
    let write = |name: &str, text: &str| fs::write(here.join("rules/customer").join(name), text).expect("a rule");
    let golden = fs::canonicalize(GOLDEN).expect("the recording").display().to_string();
    let check = |arguments: &[&str]| umpire_in(here, &[&["check", &golden, "--rules", "rules"], arguments].concat());
    // Before it was renamed.
    write("phone.toml", &RENAMED.replace("aliases", "# aliases"));
    assert_eq!(status(&check(&[])), 1);
    let before = stdout(&check(&["--format", "json"]));
    fs::write(here.join("before.json"), before).expect("a report");
    assert_eq!(status(&check(&["--write-baseline", "known.toml"])), 0);
    fs::remove_file(here.join("rules/customer/phone.toml")).expect("a rule");
    write("telephone.toml", RENAMED);

    let notice = |output: &std::process::Output, origin: &str| {
        let said = stderr(output);
        let words = format!("{origin}: rule customer/phone is now customer/telephone; use the new id");
        assert_eq!(said.matches(&words).count(), 1, "{said}");
    };
    let known = check(&["--baseline", "known.toml"]);
    assert_eq!(status(&known), 0, "{}", stdout(&known));
    notice(&known, "known.toml");
    let compared = check(&["--compare", "before.json"]);
    assert_eq!((status(&compared), stdout(&compared).trim()), (0, "nothing has changed"));
    notice(&compared, "before.json");
    fs::write(here.join("umpire.toml"), "off = [\"customer/phone\"]").expect("settings");
    let off = check(&[]);
    assert_eq!(status(&off), 0, "{}", stdout(&off));
    assert_eq!(stderr(&off).matches("rule customer/phone is now customer/telephone").count(), 1, "{}", stderr(&off));
    fs::write(here.join("umpire.toml"), "[severity]\n\"customer/phone\" = \"notice\"").expect("settings");
    let milder = report(&check(&["--format", "json"]));
    assert_eq!(
        (&milder["summary"]["failure"], &milder["summary"]["notice"]),
        (&0.into(), &milder["findings"].as_array().expect("findings").len().into())
    );
    let page = umpire_in(here, &["rules", "explain", "customer/phone", "--rules", "rules"]);
    assert!(stdout(&page).starts_with("customer/telephone\n"), "{}", stdout(&page));
    assert!(stdout(&page).contains("Former ids     customer/phone"), "{}", stdout(&page));
    // Writing over a baseline gives it the new ids.
    fs::remove_file(here.join("umpire.toml")).expect("settings");
    assert_eq!(status(&check(&["--write-baseline", "known.toml", "--force"])), 0);
    let written = fs::read_to_string(here.join("known.toml")).expect("a baseline");
    assert!(written.contains("customer/telephone") && !written.contains("customer/phone\""), "{written}");
}
