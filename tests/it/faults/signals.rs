//! Signals: what is under way ends, or is cut off in time.

use super::*;

#[test]
fn each_signal_lets_exchanges_end() {
    for signal in ["INT", "TERM", "HUP"] {
        let run = Run::start("", "");
        let (client, mut system) = run.under_way();
        run.signal(signal);
        // The listener is closed; what is under way is not.
        let begun = Instant::now();
        while TcpStream::connect(run.address).is_ok() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(10));
        }
        system.write_all(OK.as_bytes()).unwrap();
        assert!(rest(client).ends_with("\r\n\r\nok"));
        let (well, said, exchanges) = run.end();
        assert!(well, "{said}");
        assert_eq!((exchanges.len(), &exchanges[0].failure), (1, &None));
    }
}

#[test]
fn the_grace_time_is_what_the_flag_says() {
    let run = Run::start("", "--grace-seconds 1");
    let (client, _system) = run.under_way();
    let begun = Instant::now();
    run.signal("TERM");
    assert_eq!(rest(client), "");
    assert!(begun.elapsed() >= Duration::from_millis(900) && begun.elapsed() < Duration::from_secs(8));
    let (well, said, exchanges) = run.end();
    assert!(well && said.contains("once more ends at once"), "{said}");
    assert_eq!(exchanges[0].failure.as_ref().unwrap().kind, FailureKind::Stopped);
}

/// A terminal that goes away sends it several times.
#[test]
fn hangups_do_not_count_as_once_more() {
    let run = Run::start("", "--grace-seconds 600");
    let (client, mut system) = run.under_way();
    for _ in 0..3 {
        run.signal("HUP");
        std::thread::sleep(Duration::from_millis(200));
    }
    system.write_all(OK.as_bytes()).unwrap();
    assert!(rest(client).ends_with("\r\n\r\nok"));
    let (well, said, exchanges) = run.end();
    assert!(well, "{said}");
    assert_eq!((exchanges.len(), &exchanges[0].failure), (1, &None));
}

#[test]
fn ignored_hangups_stay_ignored() {
    let mut run = Run::start("trap '' HUP;", "");
    run.signal("HUP");
    drop(run.exchange());
    run.until("\"index\":0");
    assert!(run.child.try_wait().unwrap().is_none(), "it lives");
    run.signal("TERM");
    assert!(run.end().0);
}

#[test]
fn a_second_signal_ends_at_once_with_the_capture_intact() {
    for (first, second) in [("INT", "INT"), ("TERM", "INT"), ("INT", "TERM")] {
        let run = Run::start("", "--grace-seconds 600");
        drop(run.exchange());
        let (client, _system) = run.under_way();
        run.signal(first);
        std::thread::sleep(Duration::from_millis(100));
        let begun = Instant::now();
        run.signal(second);
        assert_eq!(rest(client), "");
        let (well, said, exchanges) = run.end();
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        assert!(well, "{said}");
        let kinds: Vec<_> = exchanges.iter().map(|exchange| exchange.failure.as_ref().map(|it| it.kind)).collect();
        assert_eq!(kinds, [None, Some(FailureKind::Stopped)]);
    }
}
