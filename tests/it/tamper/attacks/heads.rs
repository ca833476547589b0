//! What only somebody else's memory can tell.

use serde_json::json;

use super::super::super::support::tiles::{Log, pkcs8};
use super::super::{Asked, VERIFIED};
use super::{Attack, forge, only_ours, other, row, short, with};

pub(super) fn attacks(log: &Log) -> Vec<Attack> {
    let (size, middle) = (log.size(), log.size() / 2 + 150);
    let anchored = |size| Asked { checkpoint: Some(log.checkpoint(size)), ..Asked::default() };
    let kept = |size| Asked { kept: Some(log.head(size)), ..Asked::default() };
    let (none, newest, older) = (Asked::default(), anchored(size), anchored(middle));
    let cut = short(log, middle).files();
    let put_back = with(log.files(), |files| _ = files.insert("checkpoint".to_owned(), log.checkpoint(512).into_bytes()));
    let rewritten = |seq| other(log, |log| forge(log, seq)).files();
    let (early, late) = (rewritten(middle - 200), rewritten(middle + 10));
    let longer = other(log, |log| log.note(&json!({"t": "stop"})));
    let lied = Asked { checkpoint: Some(log.checkpoint_by(middle, &[&pkcs8(9)])), ..Asked::default() };
    let [of, less] = [middle, middle - 1].map(|size| format!("\n{size}\n"));
    let forged = Asked { checkpoint: Some(log.checkpoint(middle).replacen(&of, &less, 1)), ..Asked::default() };
    vec![
        row("an older head holds", log.files(), &older, VERIFIED),
        row("the newest head holds", log.files(), &newest, VERIFIED),
        row("roll back, nothing kept", cut.clone(), &none, VERIFIED),
        row("roll back", cut.clone(), &newest, "rollback"),
        only_ours("roll back, a head kept", cut, &kept(size), "rollback"),
        row("put an older checkpoint back", put_back, &newest, "rollback"),
        row("rewrite with the key, nothing kept", early.clone(), &none, VERIFIED),
        row("rewrite with the key", early.clone(), &older, "fork"),
        only_ours("rewrite with the key, a head kept", early, &kept(middle), "fork"),
        row("rewrite with the key after the newest head that was kept", late.clone(), &older, VERIFIED),
        row("show two histories of one size", late, &newest, "fork"),
        row("append what never happened, with the key", longer.files(), &newest, VERIFIED),
        row("an older checkpoint with a wrong signature", log.files(), &forged, "anchor"),
        Attack { script: "checkpoint_key", ..row("an older checkpoint by somebody else", log.files(), &lied, "anchor") },
    ]
}
