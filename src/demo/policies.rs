//! The policies of `policies/demo`, carried in the binary so that the demo runs from any folder.

use std::fs;
use std::io;
use std::path::Path;

/// Every file of `policies/demo` by its path below that folder.
const FILES: [(&str, &str); 9] = [
    ("reading.cedar", include_str!("../../policies/demo/reading.cedar")),
    ("refunds.cedar", include_str!("../../policies/demo/refunds.cedar")),
    ("customers.cedar", include_str!("../../policies/demo/customers.cedar")),
    ("approvals.cedar", include_str!("../../policies/demo/approvals.cedar")),
    ("outside.cedar", include_str!("../../policies/demo/outside.cedar")),
    ("shop.test.toml", include_str!("../../policies/demo/shop.test.toml")),
    ("schema/shop.cedarschema", include_str!("../../policies/demo/schema/shop.cedarschema")),
    ("entities/people.json", include_str!("../../policies/demo/entities/people.json")),
    ("entities/tools.json", include_str!("../../policies/demo/entities/tools.json")),
];

/// Writes the demo's policies into `directory`, which is created when it is missing: policies (`*.cedar`) and their tests
/// (`*.test.toml`) in the folder itself, the schema in `schema/`, entities in `entities/`. Files of the same name are overwritten.
///
/// # Errors
/// The first error of the file system.
pub fn write_policies(directory: &Path) -> io::Result<()> {
    for (name, text) in FILES {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
