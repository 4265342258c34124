#!/usr/bin/env python3
"""Writes messages.json: one encoding of every Stratum V2 message, from the field tables of the specification.

Shares no code with the Swift encoder; needs nothing but Python. Values are chosen so that no two bytes of a fixed
field agree: a wrong order or byte order shows.
"""
import json
import os
import struct


def raw(length, start):
    return bytes((start + i) % 256 for i in range(length))


def u(size):
    return lambda value: value.to_bytes(size, "little")


def prefixed(size):
    return lambda value: len(value).to_bytes(size, "little") + value


def sequence(size, element):
    return lambda values: len(values).to_bytes(size, "little") + b"".join(element(v) for v in values)


TYPES = {
    "U8": u(1), "U16": u(2), "U32": u(4), "U64": u(8), "F32": lambda v: struct.pack("<f", v),
    "BOOL": lambda v: bytes([v]), "U256": lambda v: v, "STR0_255": lambda v: prefixed(1)(v.encode()),
    "B0_32": prefixed(1), "B0_255": prefixed(1), "B0_64K": prefixed(2),
    "OPTION[U32]": lambda v: b"\0" if v is None else b"\1" + u(4)(v),
    "SEQ0_255[U256]": sequence(1, lambda v: v), "SEQ0_64K[U256]": sequence(2, lambda v: v),
    "SEQ0_64K[U16]": sequence(2, u(2)), "SEQ0_64K[U32]": sequence(2, u(4)),
    "SEQ0_64K[B0_16M]": sequence(2, prefixed(3)), "TLVS": lambda v: v,
}
H1, H2, TARGET = raw(32, 0x20), raw(32, 0x60), raw(31, 0xa0) + b"\0"
CH, RQ, JOB = ("channel_id", "U32", 0x01020304), ("request_id", "U32", 0x05060708), ("job_id", "U32", 0x090A0B0C)
NB, VER = ("nbits", "U32", 0x1D00FFFE), ("version", "U32", 0x20001234)
RATE, IDENT = ("nominal_hash_rate", "F32", 1500000026624.0), ("user_identity", "STR0_255", "lab.worker-1")
ERR = ("error_code", "STR0_255", "invalid-channel-id")
SHARE = [CH, ("sequence_number", "U32", 77), JOB, ("nonce", "U32", 0xDEADBEEF), ("ntime", "U32", 0x65531234), VER]
TLV_LE = bytes.fromhex("0200010a00") + b"Worker_001"

MESSAGES = {
    "common": [
        (0x00, 0, "SetupConnection", [
            ("protocol", "U8", 2), ("min_version", "U16", 2), ("max_version", "U16", 3), ("flags", "U32", 0x04030201),
            ("endpoint_host", "STR0_255", "pool.example"), ("endpoint_port", "U16", 34254), ("vendor", "STR0_255", "lab"),
            ("hardware_version", "STR0_255", "rev B"), ("firmware", "STR0_255", ""), ("device_id", "STR0_255", "é-1")]),
        (0x01, 0, "SetupConnection.Success", [("used_version", "U16", 2), ("flags", "U32", 3)]),
        (0x02, 0, "SetupConnection.Error", [("flags", "U32", 2), ("error_code", "STR0_255", "unsupported-protocol")]),
        (0x03, 1, "ChannelEndpointChanged", [CH]),
        (0x04, 0, "Reconnect", [("new_host", "STR0_255", "b.example"), ("new_port", "U16", 3336)]),
    ],
    "mining": [
        (0x10, 0, "OpenStandardMiningChannel", [RQ, IDENT, RATE, ("max_target", "U256", TARGET)]),
        (0x11, 0, "OpenStandardMiningChannel.Success", [
            RQ, CH, ("target", "U256", TARGET), ("extranonce_prefix", "B0_32", raw(20, 1)), ("group_channel_id", "U32", 1)]),
        (0x12, 0, "OpenMiningChannel.Error", [RQ, ("error_code", "STR0_255", "unknown-user")]),
        (0x13, 0, "OpenExtendedMiningChannel", [
            RQ, IDENT, RATE, ("max_target", "U256", TARGET), ("min_extranonce_size", "U16", 0x0108)]),
        (0x14, 0, "OpenExtendedMiningChannel.Success", [
            RQ, CH, ("target", "U256", TARGET), ("extranonce_size", "U16", 8), ("extranonce_prefix", "B0_32", raw(4, 1)),
            ("group_channel_id", "U32", 0x01000000)]),
        (0x15, 1, "NewMiningJob", [CH, JOB, ("min_ntime", "OPTION[U32]", None), VER, ("merkle_root", "U256", H1)]),
        (0x15, 1, "NewMiningJob", [CH, JOB, ("min_ntime", "OPTION[U32]", 0x65531230), VER, ("merkle_root", "U256", H1)]),
        (0x16, 1, "UpdateChannel", [CH, RATE, ("maximum_target", "U256", TARGET)]),
        (0x17, 1, "UpdateChannel.Error", [CH, ERR]),
        (0x18, 1, "CloseChannel", [CH, ("reason_code", "STR0_255", "bye")]),
        (0x19, 1, "SetExtranoncePrefix", [CH, ("extranonce_prefix", "B0_32", raw(32, 9))]),
        (0x1A, 1, "SubmitSharesStandard", SHARE),
        (0x1B, 1, "SubmitSharesExtended", SHARE + [("extranonce", "B0_32", raw(8, 1)), ("tlvs", "TLVS", b"")]),
        (0x1B, 1, "SubmitSharesExtended", SHARE + [("extranonce", "B0_32", raw(8, 1)), ("tlvs", "TLVS", TLV_LE)]),
        (0x1C, 1, "SubmitShares.Success", [
            CH, ("last_sequence_number", "U32", 78), ("new_submits_accepted_count", "U32", 10),
            ("new_shares_sum", "U64", 0x0102030405060708)]),
        (0x1D, 1, "SubmitShares.Error", [CH, ("sequence_number", "U32", 77), ("error_code", "STR0_255", "stale-share")]),
        (0x1F, 1, "NewExtendedMiningJob", [
            CH, JOB, ("min_ntime", "OPTION[U32]", 0x65531230), VER, ("version_rolling_allowed", "BOOL", True),
            ("merkle_path", "SEQ0_255[U256]", [H1, H2]), ("coinbase_tx_prefix", "B0_64K", raw(60, 3)),
            ("coinbase_tx_suffix", "B0_64K", raw(300, 7))]),
        (0x20, 1, "SetNewPrevHash", [CH, JOB, ("prev_hash", "U256", H1), ("min_ntime", "U32", 0x65531230), NB]),
        (0x21, 1, "SetTarget", [CH, ("maximum_target", "U256", TARGET)]),
        (0x22, 1, "SetCustomMiningJob", [
            CH, RQ, ("mining_job_token", "B0_255", raw(9, 1)), VER, ("prev_hash", "U256", H1), ("min_ntime", "U32", 7), NB,
            ("coinbase_tx_version", "U32", 2), ("coinbase_prefix", "B0_255", raw(4, 3)),
            ("coinbase_tx_input_nSequence", "U32", 0xFFFFFFFE), ("coinbase_tx_outputs", "B0_64K", raw(34, 1)),
            ("coinbase_tx_locktime", "U32", 840000), ("merkle_path", "SEQ0_255[U256]", [H2])]),
        (0x23, 1, "SetCustomMiningJob.Success", [CH, RQ, JOB]),
        (0x24, 1, "SetCustomMiningJob.Error", [CH, RQ, ERR]),
        (0x25, 0, "SetGroupChannel", [("group_channel_id", "U32", 9), ("channel_ids", "SEQ0_64K[U32]", [2, 0x01020304])]),
    ],
    "job declaration": [
        (0x50, 0, "AllocateMiningJobToken", [("user_identifier", "STR0_255", "lab"), RQ]),
        (0x51, 0, "AllocateMiningJobToken.Success", [
            RQ, ("mining_job_token", "B0_255", raw(8, 1)), ("coinbase_tx_outputs", "B0_64K", raw(32, 1))]),
        (0x55, 0, "ProvideMissingTransactions", [RQ, ("unknown_tx_position_list", "SEQ0_64K[U16]", [0, 0x0102, 0xFFFF])]),
        (0x56, 0, "ProvideMissingTransactions.Success", [
            RQ, ("transaction_list", "SEQ0_64K[B0_16M]", [raw(3, 1), b"", raw(300, 2)])]),
        (0x57, 0, "DeclareMiningJob", [
            RQ, ("mining_job_token", "B0_255", raw(8, 1)), VER, ("coinbase_tx_prefix", "B0_64K", raw(50, 1)),
            ("coinbase_tx_suffix", "B0_64K", raw(70, 5)), ("wtxid_list", "SEQ0_64K[U256]", [H1, H2]),
            ("excess_data", "B0_64K", b"\x09")]),
        (0x58, 0, "DeclareMiningJob.Success", [RQ, ("new_mining_job_token", "B0_255", raw(8, 9))]),
        (0x59, 0, "DeclareMiningJob.Error", [
            RQ, ("error_code", "STR0_255", "invalid-mining-job-token"), ("error_details", "B0_64K", raw(2, 1))]),
        (0x60, 0, "PushSolution", [
            ("extranonce", "B0_32", raw(20, 1)), ("prev_hash", "U256", H1), ("nonce", "U32", 0x11223344),
            ("ntime", "U32", 0x55667788), NB, VER]),
    ],
    "template distribution": [
        (0x70, 0, "CoinbaseOutputConstraints", [
            ("coinbase_output_max_additional_size", "U32", 0x01020304),
            ("coinbase_output_max_additional_sigops", "U16", 0x0506)]),
        (0x71, 0, "NewTemplate", [
            ("template_id", "U64", 0x0102030405060708), ("future_template", "BOOL", True), VER,
            ("coinbase_tx_version", "U32", 2), ("coinbase_prefix", "B0_255", raw(4, 3)),
            ("coinbase_tx_input_sequence", "U32", 0xFFFFFFFE), ("coinbase_tx_value_remaining", "U64", 312500000),
            ("coinbase_tx_outputs_count", "U32", 1), ("coinbase_tx_outputs", "B0_64K", raw(47, 1)),
            ("coinbase_tx_locktime", "U32", 839999), ("merkle_path", "SEQ0_255[U256]", [H1, H2])]),
        (0x72, 0, "SetNewPrevHash", [
            ("template_id", "U64", 0x0102030405060708), ("prev_hash", "U256", H1), ("header_timestamp", "U32", 0x65531230),
            ("nBits", "U32", 0x1D00FFFE), ("target", "U256", TARGET)]),
        (0x73, 0, "RequestTransactionData", [("template_id", "U64", 9)]),
        (0x74, 0, "RequestTransactionData.Success", [
            ("template_id", "U64", 9), ("excess_data", "B0_64K", raw(32, 0)),
            ("transaction_list", "SEQ0_64K[B0_16M]", [raw(70, 1), raw(1, 2)])]),
        (0x75, 0, "RequestTransactionData.Error", [("template_id", "U64", 9), ("error_code", "STR0_255", "stale-template-id")]),
        (0x76, 0, "SubmitSolution", [
            ("template_id", "U64", 9), VER, ("header_timestamp", "U32", 0x65531230), ("header_nonce", "U32", 0xDEADBEEF),
            ("coinbase_tx", "B0_64K", raw(200, 1))]),
    ],
    "extensions negotiation": [
        (0x00, 0, "RequestExtensions", [("request_id", "U16", 0x0102), ("requested_extensions", "SEQ0_64K[U16]", [2, 0x4001])]),
        (0x01, 0, "RequestExtensions.Success", [("request_id", "U16", 0x0102), ("supported_extensions", "SEQ0_64K[U16]", [2])]),
        (0x02, 0, "RequestExtensions.Error", [
            ("request_id", "U16", 0x0102), ("unsupported_extensions", "SEQ0_64K[U16]", [0x4001]),
            ("required_extensions", "SEQ0_64K[U16]", [2])]),
    ],
}


def shown(value):
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [shown(v) for v in value]
    return value


def main():
    vectors = []
    for protocol, messages in MESSAGES.items():
        extension = 1 if protocol == "extensions negotiation" else 0
        for number, bit, name, fields in messages:
            payload = b"".join(TYPES[kind](value) for _, kind, value in fields)
            header = struct.pack("<HB", extension | bit << 15, number) + u(3)(len(payload))
            vectors.append({
                "protocol": protocol, "name": name, "extension_type": extension, "message_type": number,
                "channel_msg": bit == 1,
                "fields": [{"name": n, "type": t, "value": shown(v)} for n, t, v in fields],
                "frame": (header + payload).hex()})
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "messages.json")
    with open(path, "w") as file:
        json.dump({
            "provenance": "generated by generate.py of this folder from the specification's field tables",
            "messages": vectors}, file, indent=1, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
