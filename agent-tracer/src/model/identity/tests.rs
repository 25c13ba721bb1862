//! Tests the service managers, and the doubts about a rule's match.

use super::is_of_user_manager;

#[test]
fn a_user_manager_is_in_its_own_cgroup() {
    for (cgroup, is_it) in [
        ("/user.slice/user-1000.slice/user@1000.service", true),
        (
            "/user.slice/user-1000.slice/user@1000.service/init.scope",
            true,
        ),
        ("/user.slice/user-1000.slice/user@1001.service", false),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
            false,
        ),
        ("/user-1000.slice/user@1000.service", false),
        ("/user.slice/user-x.slice/user@x.service", false),
        ("/system.slice/systemd.service", false),
        ("/init.scope", false),
        ("", false),
    ] {
        assert_eq!(is_of_user_manager(cgroup.as_bytes()), is_it, "{cgroup}");
    }
}
