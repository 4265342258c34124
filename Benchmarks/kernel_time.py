"""How long Bitcoin Core's consensus engine takes for a block. Input: blocks in hex, one per line, in chain order.
Arguments: rounds, processors. Output: milliseconds from bytes to the new tip for the last block, one line per round,
each with a fresh chain in memory. Needs py-bitcoinkernel from PyPI."""

import sys
import tempfile
import time

import pbk


def main():
    rounds, processors = int(sys.argv[1]), int(sys.argv[2])
    blocks = [bytes.fromhex(line.strip()) for line in sys.stdin if line.strip()]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            context = pbk.make_context(pbk.ChainType.REGTEST)
            options = pbk.ChainstateManagerOptions(context, folder, folder + "/blocks")
            options.update_block_tree_db_in_memory(True)
            options.update_chainstate_db_in_memory(True)
            # The calling thread works too, as with bitcoind's -par.
            options.set_worker_threads_num(max(1, processors - 1))
            manager = pbk.ChainstateManager(options)
            if manager.get_active_chain().height < 0:
                manager.import_blocks([])
            for raw in blocks[:-1]:
                manager.process_block(pbk.Block(raw))
            start = time.perf_counter()
            manager.process_block(pbk.Block(blocks[-1]))
            taken = time.perf_counter() - start
            assert manager.get_active_chain().height == len(blocks)
            print(f"{taken * 1000:.3f}", flush=True)
            del manager


if __name__ == "__main__":
    main()
