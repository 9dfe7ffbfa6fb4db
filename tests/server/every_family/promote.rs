//! PENDING DELAYED and PROMOTE, in all families alike.

use super::timed;
use crate::common::{pair, AOF};
use crate::harness::*;

/// A NACK with a delay of ten years used to be final: nothing showed the entry, and nothing brought it back.
#[test]
fn what_is_delayed_is_listed_and_promoted() {
    for family in timed() {
        let (mut master, replica) = pair(&AOF);
        let mut c = master.client();
        for name in ["a", "b", "c", "d"] {
            family.add_ready(&mut c, "k", name);
        }
        family.play(
            &mut c,
            r#"
            > F.CLAIM k w COUNT 4
            [[<a> 1 …] [<b> 1 …] [<c> 1 …] [<d> 1 …]]
            > F.NACK k <a> <c> DELAY 315360000000
            2
            > F.NACK k <b> DELAY 3600000
            1
            > F.CLAIM k w
            []
            > F.PENDING k DELAYED
            [[<b> nil <_ub> 1 …] [<a> nil <_ua> 1 …] [<c> nil <_uc> 1 …]]
            # All other commands take their tokens for stale.
            > F.ACK k <a>-<c>
            0
            > F.EXTEND k 5000 <a>
            0
            > F.NACK k <b> DEAD
            0
            # What is leased is not delayed.
            > F.PROMOTE k <d>
            0
            "#,
        );
        // What names them is saved.
        same_data(&master, &replica);
        let digest = master.digest_all();
        c.ok("DEBUG RELOAD");
        assert_eq!(master.digest_all(), digest);
        let dump = c.call(&[b"DUMP", b"k"]);
        assert_eq!(c.call(&[b"RESTORE", b"restored", b"0", dump.bytes()]).to_string(), "OK");
        family
            .play(&mut c, "> F.PROMOTE restored <a>-<d>\n 3\n > F.PENDING restored DELAYED\n []\n > DEL restored\n 1");
        // A worker that waits is woken.
        let mut worker = Blocked::new(&master, &family.on("CLAIM # w BLOCK 0", "k"));
        family.play(&mut c, "> F.PROMOTE k <c>\n 1");
        let served = worker.reply();
        assert_eq!((served.items().len(), served.items()[0].items()[1].int()), (1, 2), "{served}");
        family.play(&mut c, "> F.PROMOTE k ALL COUNT 1\n 1\n > F.PROMOTE k ALL\n 1\n > F.PROMOTE k ALL\n 0");
        // In their old places.
        family.play(&mut c, "> F.CLAIM k w COUNT 9\n [[<a2> 2 …] [<b2> 2 …]]\n > F.PENDING k DELAYED\n []");
        same_data(&master, &replica);
        let digest = master.digest_all();
        master.restart(Stop::Kill);
        assert_eq!(master.digest_all(), digest);
    }
}
