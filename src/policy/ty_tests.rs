//! What a type looks like to Cedar, and what is left of it when only a part is read.

use super::super::fixture::policy;
use super::*;

fn order() -> Ty {
    let item = Ty::Record(Record::closed([("sku".to_owned(), Field::new(Ty::Str, true))].into()));
    let unit = Ty::OneOf(["eur".into(), "usd".into()].into());
    let fields = [
        ("amount", Field::new(Ty::Decimal, true)),
        ("unit", Field { default: Some("\"eur\"".into()), ..Field::new(unit, false) }),
        ("items", Field::new(Ty::Set(Box::new(item.clone())), false)),
        ("first", Field::new(item, true)),
        ("extra", Field::new(Ty::Hidden, true)),
        ("extras", Field::new(Ty::Set(Box::new(Ty::Hidden)), true)),
    ];
    Ty::Record(Record { fields: fields.map(|(name, field)| (name.to_owned(), field)).into(), others: Others::Hidden })
}

#[test]
fn what_is_hidden_is_not_in_cedars_type_and_a_default_makes_an_attribute_certain() {
    let item = json!({ "type": "Record", "attributes": { "sku": { "type": "String" } } });
    let expected = json!({ "type": "Record", "attributes": {
        "amount": { "type": "Extension", "name": "decimal" },
        "unit": { "type": "String" },
        "items": { "type": "Set", "element": item, "required": false },
        "first": item,
    } });
    assert_eq!(order().to_cedar(), Some(expected));
}

#[test]
fn only_what_is_read_is_left() {
    for (condition, left) in [
        ("true", "{}"),
        ("context.input.amount > decimal(\"1.0\")", "{amount}"),
        ("context.input has items", "{items}"),
        ("context.input.first.sku == \"a\" || context.input.unit == \"usd\"", "{first{sku}unit}"),
        ("context.input has first", "{first{}}"),
        ("context.input.first == {sku: \"a\"}", "{first{sku}}"),
        ("{a: context.input}.a.unit == \"usd\"", "{amountfirst{sku}itemsunit}"),
        ("{a: context} == {a: context}", "{amountfirst{sku}itemsunit}"),
    ] {
        let reads = Reads::of(&policy(&format!("permit (principal, action, resource) when {{ {condition} }};"))).unwrap();
        let seen = reads.part("input").map_or(Ty::Hidden, |input| order().only(input));
        let seen = if seen == Ty::Hidden { "{}".to_owned() } else { names(&seen) };
        assert_eq!(seen, left, "{condition}");
    }
}

/// The attributes that can be seen.
fn names(ty: &Ty) -> String {
    let Ty::Record(record) = ty else { return String::new() };
    let visible = record.fields.iter().filter(|(_, field)| field.ty.to_cedar().is_some());
    format!("{{{}}}", visible.map(|(name, field)| format!("{name}{}", names(&field.ty))).collect::<String>())
}
