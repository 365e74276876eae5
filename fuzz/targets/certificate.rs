//! Fuzzes certificate files: PEM, DER and zip. Each certificate survives a round trip, and errors are printable.
#![no_main]

use libfuzzer_sys::fuzz_target;
use terraform_provider_dds::huaweicloud::fuzzing::certificate_file;

fuzz_target!(|file: &[u8]| match certificate_file(file) {
    Ok(certificates) => {
        assert!(!certificates.is_empty());
        let bundle: String = certificates.iter().map(|certificate| certificate.pem()).collect();
        assert!(!bundle.contains("PRIVATE KEY"));
        for certificate in &certificates {
            let digits = certificate.serial_number.trim_start_matches('-');
            assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
        }
        assert_eq!(certificate_file(bundle.as_bytes()), Ok(certificates));
    }
    Err(error) => assert!(!error.contains(char::is_control) && error.len() < 5000, "{error:?}"),
});
