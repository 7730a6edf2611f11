//! Every diagnostic code, in order. Codes are never reused. The page of a code is `pages/<CODE>.md`.

use std::fmt;

macro_rules! codes {
    ($($code:ident)*) => {
        /// The code of a diagnostic. The first two digits are its topic: 01 the spec, 02 the mesh, 03 the module, 04 size limits,
        /// 05 the base, 06 the dry run, 07 `out/`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each variant is documented by its page")]
        pub enum Code { $($code),* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The code as users see it: `MC0101`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$code => stringify!($code)),* }
            }

            /// The Markdown page that `mesh-compile explain` prints: the cause, what Envoy, Istio or Kubernetes does, and the fix.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self { $(Self::$code => include_str!(concat!("pages/", stringify!($code), ".md"))),* }
            }
        }
    };
}

codes! {
    MC0101 MC0102 MC0103 MC0104 MC0105 MC0106 MC0107 MC0108 MC0109 MC0110
    MC0111 MC0112 MC0113 MC0114 MC0115 MC0116 MC0117 MC0118 MC0119 MC0120
    MC0121 MC0122 MC0123 MC0124 MC0125 MC0126 MC0127 MC0128 MC0129 MC0130
    MC0131 MC0132 MC0133 MC0134 MC0135 MC0136 MC0137
    MC0140 MC0141 MC0142 MC0143 MC0144 MC0145 MC0146 MC0147
    MC0201 MC0202 MC0203 MC0204 MC0205 MC0206 MC0207 MC0208 MC0209 MC0210
    MC0211 MC0212 MC0213 MC0214 MC0215 MC0216 MC0217 MC0218 MC0219 MC0220
    MC0221 MC0222 MC0223 MC0224 MC0225 MC0226 MC0227 MC0228 MC0229 MC0230
    MC0231 MC0232
    MC0301 MC0302 MC0303 MC0304 MC0305 MC0306 MC0307 MC0308 MC0309 MC0310
    MC0311 MC0312 MC0313 MC0314 MC0315 MC0316 MC0317 MC0318
    MC0401 MC0402 MC0404 MC0405
    MC0501 MC0502 MC0503 MC0504 MC0505 MC0506 MC0507 MC0508 MC0509 MC0510
    MC0511 MC0512 MC0513 MC0514 MC0515
    MC0520 MC0521 MC0522 MC0523 MC0524 MC0525 MC0526 MC0527 MC0528 MC0529 MC0530
    MC0531 MC0532 MC0533 MC0534 MC0535 MC0536 MC0537 MC0538 MC0539 MC0540
    MC0560 MC0561 MC0562 MC0563 MC0564 MC0565
    MC0601 MC0602 MC0603 MC0604 MC0605 MC0606 MC0607 MC0608 MC0609 MC0610
    MC0611 MC0612 MC0613 MC0614 MC0615 MC0616 MC0617 MC0618 MC0619 MC0620
    MC0701 MC0702 MC0703 MC0704 MC0705 MC0706 MC0707 MC0708 MC0709 MC0710
    MC0711 MC0712
}

impl Code {
    /// The title of the code's page, without the code itself.
    #[must_use]
    pub fn title(self) -> &'static str {
        let line = self.page().lines().next().unwrap_or_default();
        line.split_once(": ").map_or(line, |(_, title)| title)
    }

    /// Parses a code, ignoring ASCII case.
    #[must_use]
    pub fn find(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(id))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique() {
        for pair in Code::ALL.windows(2) {
            assert!(pair[0].as_str() < pair[1].as_str(), "{} is listed before {}", pair[0], pair[1]);
        }
    }

    #[test]
    fn codes_parse_in_any_case() {
        assert_eq!(Code::find("mc0102"), Some(Code::MC0102));
        assert!(Code::find("MC0100").is_none());
    }

    #[test]
    fn every_page_has_a_title_and_its_sections() {
        for (id, page) in Code::ALL.iter().map(|code| (code.as_str(), code.page())) {
            let title = page.lines().next().and_then(|line| line.strip_prefix(&format!("# {id}: ")));
            assert!(title.is_some_and(|title| !title.trim().is_empty()), "{id}: the first line is no title");
            assert_ne!(title, Some("to be written"), "{id}: a stub");
            let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert!(
                matches!(sections[..], ["Why it matters", "Fix"] | ["Why it matters", "Example", "Fix"]),
                "{id}: {sections:?}"
            );
            assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{id}: one line end ends the page");
            for line in page.lines() {
                assert!(line.chars().count() <= 80, "{id}: over 80 columns: {line}");
                assert_eq!(line, line.trim_end(), "{id}: blanks at the end of a line");
            }
        }
    }
}
