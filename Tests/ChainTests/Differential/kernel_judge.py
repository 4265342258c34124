"""Bitcoin Core's own consensus engine as a judge that a test talks to.

Commands, one per line: `reset` (a fresh regtest chain in memory), `block HEX`, `header HEX`. Answer, one line each:
REASON <tab> TIP HEIGHT <tab> TIP HASH, the reason being `-` for what was accepted. The library tells only the kind of
a fault; the reason is read from its log. Needs py-bitcoinkernel from PyPI.
"""

import re
import sys
import tempfile

import pbk

LOG = []
HEADER = (
    (re.compile(r"Consensus::(?:Contextual)?CheckBlockHeader: [0-9a-f]{64}, ([^,]+)"), None),
    (re.compile(r"is marked invalid"), "duplicate-invalid"),
    (re.compile(r"has prev block not found"), "prev-blk-not-found"),
    (re.compile(r"has prev block invalid"), "bad-prevblk"),
)


class Judge:
    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.checked = {}
        callbacks = pbk.ValidationInterfaceCallbacks(
            block_checked=lambda _, block, state: self.checked.__setitem__(str(block.block_hash), state.validation_mode)
        )
        self.context = pbk.make_context(pbk.ChainType.REGTEST, validation_callbacks=callbacks)
        options = pbk.ChainstateManagerOptions(self.context, self.folder.name, self.folder.name + "/blocks")
        options.update_block_tree_db_in_memory(True)
        options.update_chainstate_db_in_memory(True)
        # As bitcoind runs it: scripts on other threads, judged after everything else of the block.
        options.set_worker_threads_num(2)
        self.manager = pbk.ChainstateManager(options)
        if self.manager.get_active_chain().height < 0:
            self.manager.import_blocks([])

    def tip(self):
        chain = self.manager.get_active_chain()
        return f"{chain.height}\t{chain.block_tree_entries[chain.height].block_hash}"

    def block(self, raw):
        LOG.clear()
        self.checked.clear()
        try:
            block = pbk.Block(raw)
        except Exception:
            return "undecodable"
        want = str(block.block_hash)
        try:
            self.manager.process_block(block)
        except pbk.ProcessBlockException:
            pass
        mode = self.checked.get(want)
        if mode is None or mode == pbk.ValidationMode.VALID:
            return "-"
        mark = f"BlockChecked: block hash={want} state="
        for line in LOG:
            if mark in line:
                return line.split(mark, 1)[1].strip().split(", ", 1)[0]
        return "no reason in the log"

    def header(self, raw):
        LOG.clear()
        try:
            state = self.manager.process_block_header(pbk.BlockHeader(raw))
            if state.validation_mode == pbk.ValidationMode.VALID:
                return "-"
        except pbk.ProcessBlockHeaderException:
            pass
        for line in LOG:
            for pattern, reason in HEADER:
                match = pattern.search(line)
                if match:
                    return reason or match.group(1).strip()
        return "no reason in the log"


def main():
    pbk.logging_set_options(pbk.LoggingOptions(log_timestamps=False))
    pbk.set_log_level_category(pbk.LogCategory.ALL, pbk.LogLevel.INFO)
    pbk.set_log_level_category(pbk.LogCategory.VALIDATION, pbk.LogLevel.DEBUG)
    pbk.enable_log_category(pbk.LogCategory.VALIDATION)
    connection = pbk.LoggingConnection(cb=LOG.append)
    judge = Judge()
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        reason = "-"
        if command == "reset":
            judge = None
            judge = Judge()
        elif command == "block":
            reason = judge.block(bytes.fromhex(argument))
        elif command == "header":
            reason = judge.header(bytes.fromhex(argument))
        print(f"{reason}\t{judge.tip()}", flush=True)
    del connection


if __name__ == "__main__":
    main()
