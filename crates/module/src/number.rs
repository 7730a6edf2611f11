//! Numbers for people.

/// Groups the digits by thousands: `1056134` becomes `1,056,134`.
#[must_use]
pub fn group(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|chunk| std::str::from_utf8(chunk).ok()).collect();
    groups.join(",")
}
