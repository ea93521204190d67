//! Codes of ISO 4217 and ISO 3166-1, each list in the order of the alphabet.

/// Alphabetic codes of ISO 4217, funds and precious metals included.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP \
BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS \
GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP \
LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP \
PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY \
TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR XOF XPD XPF XPT \
XSU XTS XUA XXX YER ZAR ZMW ZWG ZWL";

/// Alpha-2 codes of ISO 3166-1.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE \
KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW \
MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE \
SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE \
VG VI VN VU WF WS YE YT ZA ZM ZW";

/// True for a currency of ISO 4217.
pub(crate) fn is_currency(text: &str) -> bool {
    listed(CURRENCIES, text, 3)
}

/// True for a country of ISO 3166-1 alpha-2.
pub(crate) fn is_country(text: &str) -> bool {
    listed(COUNTRIES, text, 2)
}

/// Looks a code of fixed length up in an ordered list, with one space between the codes.
fn listed(list: &str, code: &str, length: usize) -> bool {
    if code.len() != length {
        return false;
    }
    let (list, step) = (list.as_bytes(), length + 1);
    let (mut low, mut high) = (0, list.len().div_ceil(step));
    while low < high {
        let middle = low.midpoint(high);
        match list[middle * step..middle * step + length].cmp(code.as_bytes()) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_found_and_in_order() {
        for (list, test) in [(CURRENCIES, is_currency as fn(&str) -> bool), (COUNTRIES, is_country)] {
            let codes: Vec<_> = list.split(' ').collect();
            assert!(codes.is_sorted());
            assert!(codes.iter().all(|code| test(code)));
        }
    }

    #[test]
    fn anything_else_is_not() {
        for text in ["gbp", "£", "", "GB", "GBPX", "ABC", "ÄB"] {
            assert!(!is_currency(text), "{text}");
        }
        for text in ["UK", "gb", "GBR", "United Kingdom", "", "É"] {
            assert!(!is_country(text), "{text}");
        }
    }
}
