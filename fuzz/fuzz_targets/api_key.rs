#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| whatotp_fuzz::api_key(data));
