//! What can be done to the checkpoint.

use super::super::super::support::tiles::{Log, pkcs8};
use super::super::{Asked, VERIFIED};
use super::{Attack, other, row, with};

/// The letters of base64, in order.
const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// How many letters a key's id takes in a signature, a part of the last of which is the signature's.
const ID: usize = 6;

/// A checkpoint's parts: all before the signature, and the signature.
fn parts(checkpoint: &str) -> (&str, &str) {
    let (before, signature) = checkpoint.trim_end().rsplit_once(' ').unwrap();
    (before, signature)
}

/// The letter after this one.
fn next(letter: &str) -> &'static str {
    let at = (ALPHABET.find(letter).unwrap() + 1) % ALPHABET.len();
    ALPHABET.split_at(at).1.split_at(1).0
}

/// The text with the letter before its padding changed.
fn respelled(text: &str) -> String {
    let (letters, padding) = text.split_at(text.trim_end_matches('=').len());
    let (before, letter) = letters.split_at(letters.len() - 1);
    format!("{before}{}{padding}", next(letter))
}

/// The text with a letter in its middle changed.
fn turned(text: &str) -> String {
    let (before, rest) = text.split_at(text.len() / 2);
    let (letter, after) = rest.split_at(1);
    format!("{before}{}{after}", next(letter))
}

pub(super) fn attacks(log: &Log) -> Vec<Attack> {
    let (none, size, genuine) = (Asked::default(), log.size(), log.checkpoint(log.size()));
    let said = |name: &str, text: String, said| {
        row(name, with(log.files(), |files| _ = files.insert("checkpoint".to_owned(), text.into_bytes())), &none, said)
    };
    let (before, signature) = parts(&genuine);
    let signed = |signature: &str| format!("{before} {signature}\n");
    let by_other = log.checkpoint_by(size, &[&pkcs8(9)]);
    let pretended = format!("{}{}", signature.split_at(ID).0, parts(&by_other).1.split_at(ID).1);
    let sized = |text: &str| genuine.replacen(&format!("\n{size}\n"), &format!("\n{text}\n"), 1);
    let root = genuine.lines().nth(2).unwrap();
    let older = log.checkpoint(size - 1);
    let another = genuine.replacen(genuine.lines().next().unwrap(), "audit.example/other", 1);
    let wrong_key = Asked { key: Some(other(log, Log::rotate).vkey()), ..none.clone() };
    let right_key = Asked { key: Some(log.vkey()), ..none.clone() };
    vec![
        said("change a letter of the signature", signed(&turned(signature)), "checkpoint_signature"),
        said("sign with another key", by_other.clone(), "checkpoint_unsigned"),
        said("sign with another key under the name and id of the right one", signed(&pretended), "checkpoint_signature"),
        said("sign with another key too", format!("{genuine}{}", by_other.split_once("\n\n").unwrap().1), VERIFIED),
        said("the signature of an older checkpoint", signed(parts(&older).1), "checkpoint_signature"),
        said("the signature twice", format!("{genuine}{}", genuine.split_once("\n\n").unwrap().1), VERIFIED),
        said("another size", sized(&(size - 1).to_string()), "checkpoint_signature"),
        said("a size that no log has", sized("4611686018427387904"), "checkpoint_signature"),
        said("another root", genuine.replacen(root, &turned(root), 1), "checkpoint_signature"),
        said("another log", another, "checkpoint_origin"),
        said("another spelling of the signature", signed(&respelled(signature)), "checkpoint_form"),
        said("another spelling of the root", genuine.replacen(root, &respelled(root), 1), "checkpoint_form"),
        said("a size with a zero before it", sized(&format!("0{size}")), "checkpoint_form"),
        said("a size with a sign", sized(&format!("+{size}")), "checkpoint_form"),
        said("carriage returns", genuine.replace('\n', "\r\n"), "checkpoint_form"),
        said("no newline at the end", genuine.trim_end().to_owned(), "checkpoint_form"),
        said("something after the signature", format!("{genuine}\n"), "checkpoint_form"),
        said("no signature", format!("{}\n\n", genuine.split_once("\n\n").unwrap().0), "checkpoint_form"),
        said("nothing", String::new(), "checkpoint_form"),
        row("ask with another key", log.files(), &wrong_key, "checkpoint_unsigned"),
        row("ask with the right key", log.files(), &right_key, VERIFIED),
    ]
}
