//! The one pass over a text that finds what is to be masked: it follows the masks that still may lead somewhere, and skips the rest.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ops::Range;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{Mask, Step, Unmaskable};

/// The most values that are masked in one text.
pub(super) const MAX_VALUES: usize = 1 << 16;

/// What a walk has found.
pub(super) struct Found {
    /// Where the values are that are to go, in order.
    pub(super) values: Vec<Range<usize>>,
    /// For each mask, whether it led to one of them.
    pub(super) hit: Vec<bool>,
}

/// Follows the masks through a text.
pub(super) fn walk(masks: &[Mask], text: &str) -> Result<Found, Unmaskable> {
    let (values, hit) = (RefCell::default(), RefCell::new(vec![false; masks.len()]));
    let walk = Walk { masks, text, values, hit, too_many: Cell::new(false) };
    let states = (0..masks.len()).map(|mask| State { mask, step: 0 }).collect();
    let mut parser = serde_json::Deserializer::from_str(text);
    match (Value { walk: &walk, states }).deserialize(&mut parser).and_then(|()| parser.end()) {
        Ok(()) => Ok(Found { values: walk.values.into_inner(), hit: walk.hit.into_inner() }),
        Err(_) if walk.too_many.get() => Err(Unmaskable::TooMany),
        Err(_) => Err(Unmaskable::NotJson),
    }
}

/// A walk under way.
struct Walk<'w> {
    masks: &'w [Mask],
    text: &'w str,
    values: RefCell<Vec<Range<usize>>>,
    hit: RefCell<Vec<bool>>,
    too_many: Cell<bool>,
}

/// How far a mask has come: so many of its steps led here.
#[derive(Debug, Clone, Copy)]
struct State {
    mask: usize,
    step: usize,
}

impl Walk<'_> {
    /// The steps that come next, one for each mask that goes on.
    fn next<'s>(&'s self, states: &'s [State]) -> impl Iterator<Item = (State, &'s Step)> {
        states.iter().filter_map(|state| Some((*state, self.masks.get(state.mask)?.steps.get(state.step)?)))
    }

    /// Whether a mask ends here. All that do are noted.
    fn ends(&self, states: &[State]) -> bool {
        let mut ends = false;
        for state in states {
            if self.masks.get(state.mask).is_some_and(|mask| mask.steps.len() == state.step) {
                ends = true;
                self.hit.borrow_mut().iter_mut().skip(state.mask).take(1).for_each(|hit| *hit = true);
            }
        }
        ends
    }

    /// Notes a value that is to go.
    fn take(&self, value: &str) -> Result<(), &'static str> {
        let start = (value.as_ptr() as usize).checked_sub(self.text.as_ptr() as usize);
        let range = start.and_then(|start| Some(start..start.checked_add(value.len())?));
        let range = range.filter(|range| range.end <= self.text.len()).ok_or("the value is no part of the text")?;
        let mut values = self.values.borrow_mut();
        if values.len() >= MAX_VALUES {
            self.too_many.set(true);
            return Err("too many values");
        }
        values.push(range);
        Ok(())
    }
}

/// A value, and the masks that lead to it or further.
struct Value<'w> {
    walk: &'w Walk<'w>,
    states: Vec<State>,
}

impl Value<'_> {
    /// The part of this value that `fits` is asked about.
    fn part(&self, fits: impl Fn(&Step) -> bool) -> Self {
        let next = self.walk.next(&self.states).filter(|(_, step)| fits(step));
        let states = next.map(|(state, _)| State { step: state.step + 1, ..state }).collect();
        Value { walk: self.walk, states }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<(), D::Error> {
        if self.states.is_empty() {
            return IgnoredAny::deserialize(parser).map(drop);
        }
        if self.walk.ends(&self.states) {
            let value = <&RawValue>::deserialize(parser)?;
            return self.walk.take(value.get()).map_err(D::Error::custom);
        }
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        for at in 0_usize.. {
            if elements.next_element_seed(self.part(|step| step.fits_index(at)))?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key_seed(Key)? {
            members.next_value_seed(self.part(|step| step.fits_key(&key)))?;
        }
        Ok(())
    }
}

/// A key, decoded; borrowed from the text when it has no escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Self::Value, D::Error> {
        parser.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
