#include "tree/acl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tree/ip_acl.h"

namespace paddock::tree {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr jute::ACL kOpen{31, {"world", "anyone"}};
constexpr jute::ACL kAuth{31, {"auth", ""}};
const Identity kAlice{"digest", "alice:hash"};
const Identity kBob{"digest", "bob:hash"};
const Identity kLocal{"ip", "127.0.0.1"};
const Identity kSuper{"super", ""};

TEST(AclTableTest, EqualListsAreOne) {
  AclTable table;
  const AclList* open = table.Intern({kOpen});
  const AclList* read = table.Intern({{1, {"world", "anyone"}}});
  EXPECT_NE(open, read);
  EXPECT_EQ(table.Intern({kOpen}), open);
  EXPECT_THAT(open->entries(), ElementsAre(kOpen));
  EXPECT_EQ(table.size(), 2u);

  table.Release(open);
  EXPECT_EQ(table.size(), 2u);
  table.Release(open);
  EXPECT_EQ(table.size(), 1u);
  table.Release(read);
  EXPECT_EQ(table.size(), 0u);
}

TEST(AclTableTest, NullAndEmptyIdsDiffer) {
  AclTable table;
  const AclList* null = table.Intern({{31, {"a", jute::kNull}}});
  const AclList* empty = table.Intern({{31, {"a", ""}}});
  EXPECT_NE(null, empty);
  EXPECT_TRUE(jute::IsNull(null->entries()[0].id.id));
  EXPECT_FALSE(jute::IsNull(empty->entries()[0].id.id));
}

TEST(AclTableTest, ForgottenListCanComeBack) {
  AclTable table;
  table.Release(table.Intern({kOpen}));
  EXPECT_EQ(table.size(), 0u);
  EXPECT_THAT(table.Intern({kOpen})->entries(), ElementsAre(kOpen));
  EXPECT_THAT(table.Intern({})->entries(), IsEmpty());
}

TEST(AclTableTest, EncodedListIsTheSame) {
  AclTable table;
  const std::string_view bytes("\0\0\0\1\0\0\0\x1f\0\0\0\5world\0\0\0\6anyone",
                               27);
  EXPECT_EQ(table.InternEncoded(bytes), table.Intern({kOpen}));
}

TEST(PermitsTest, WorldAnyoneGrantsItsPermissionsOnly) {
  const std::vector<jute::ACL> read = {{1, {"world", "anyone"}}};
  EXPECT_TRUE(Permits(read, jute::kPermRead, {}));
  EXPECT_FALSE(Permits(read, jute::kPermWrite, {}));
  EXPECT_TRUE(Permits(read, jute::kPermRead | jute::kPermAdmin, {}));
}

TEST(PermitsTest, EmptyListAndSuperAreUnrestricted) {
  EXPECT_TRUE(Permits({}, jute::kPermAdmin, {}));
  const std::vector<jute::ACL> nobody = {{0, {"world", "anyone"}}};
  EXPECT_FALSE(Permits(nobody, 31, {kAlice}));
  EXPECT_TRUE(Permits(nobody, jute::kPermDelete, {kAlice, kSuper}));
}

TEST(PermitsTest, ComparesDigestIdsExactly) {
  const std::vector<jute::ACL> acl = {{31, {"digest", "alice:hash"}}};
  EXPECT_TRUE(Permits(acl, jute::kPermWrite, {kLocal, kAlice}));
  EXPECT_FALSE(Permits(acl, jute::kPermWrite, {kLocal, kBob}));
  EXPECT_FALSE(Permits(acl, jute::kPermWrite, {}));
}

TEST(PermitsTest, UnknownSchemeNeverMatches) {
  const std::vector<jute::ACL> acl = {{31, {"x", "y"}}};
  EXPECT_FALSE(Permits(acl, jute::kPermRead, {{"x", "y"}}));
}

TEST(PermitsTest, MatchesAddressesByPrefix) {
  const std::vector<jute::ACL> acl = {{31, {"ip", "127.0.0.0/8"}}};
  EXPECT_TRUE(Permits(acl, jute::kPermRead, {kLocal}));
  EXPECT_FALSE(Permits(acl, jute::kPermRead, {{"ip", "128.0.0.1"}}));
}

TEST(IpAclTest, Validity) {
  for (const char* id :
       {"1.2.3.4", "1.2.3.4/0", "1.2.3.4/32", "0.0.0.0", "255.255.255.255",
        "001.2.3.4", "::", "::1", "1::", "1:2:3:4:5:6:7:8", "::/0",
        "fe80::/128", "A:b::C", "1:2:3:4:5:6:7::"}) {
    EXPECT_TRUE(IsValidIpAclId(id)) << id;
  }
  for (const char* id : {"",
                         "1.2.3",
                         "1.2.3.4.5",
                         "1.2.3.256",
                         "1.2.3.4/33",
                         "1.2.3.4/",
                         "1.2.3.4/x",
                         "1.2.3.-1",
                         "1.2.3.",
                         "a.b.c.d",
                         "localhost",
                         ":",
                         ":::",
                         "1:2:3:4:5:6:7",
                         "1:2:3:4:5:6:7:8:9",
                         "1::2::3",
                         "12345::",
                         "g::",
                         "::/129",
                         "::ffff:1.2.3.4",
                         "fe80::1%eth0",
                         "1:2:3:4:5:6:7:8::",
                         "/8",
                         "1.2.3.4/99999999999"}) {
    EXPECT_FALSE(IsValidIpAclId(id)) << id;
  }
}

TEST(IpAclTest, Matching) {
  EXPECT_TRUE(IpAclIdMatches("10.1.2.3", "10.1.2.3"));
  EXPECT_FALSE(IpAclIdMatches("10.1.2.3", "10.1.2.4"));
  EXPECT_TRUE(IpAclIdMatches("10.1.2.3/31", "10.1.2.2"));
  EXPECT_FALSE(IpAclIdMatches("10.1.2.3/31", "10.1.2.4"));
  EXPECT_TRUE(IpAclIdMatches("0.0.0.0/0", "10.1.2.4"));
  EXPECT_FALSE(IpAclIdMatches("0.0.0.0/0", "0:0:0:0:0:0:0:1"));
  EXPECT_TRUE(IpAclIdMatches("::1", "0:0:0:0:0:0:0:1"));
  EXPECT_TRUE(IpAclIdMatches("fe80::/10", "fe80:0:0:0:1:2:3:4"));
  EXPECT_FALSE(IpAclIdMatches("fe80::/10", "fec0:0:0:0:1:2:3:4"));
  EXPECT_FALSE(IpAclIdMatches("bad", "bad"));
}

class NormalizeAclTest : public testing::Test {
 protected:
  Error Normalize(absl::Span<const jute::ACL> acl,
                  std::vector<Identity> identities = {},
                  bool digest_enabled = true) {
    identities_ = std::move(identities);
    return NormalizeAcl(acl, identities_, digest_enabled, &normalized_);
  }

  std::vector<Identity> identities_;
  std::vector<jute::ACL> normalized_;
};

TEST_F(NormalizeAclTest, DropsDuplicatesAndKeepsTheOrder) {
  const jute::ACL read{1, {"world", "anyone"}};
  EXPECT_EQ(Normalize({kOpen, read, kOpen}), Error::kOk);
  EXPECT_THAT(normalized_, ElementsAre(kOpen, read));
}

TEST_F(NormalizeAclTest, RefusesAnEmptyList) {
  EXPECT_EQ(Normalize({}), Error::kInvalidAcl);
}

TEST_F(NormalizeAclTest, RefusesBadIds) {
  for (const jute::Id id : {jute::Id{"world", "somebody"},
                            {"super", ""},
                            {"unknown", "a"},
                            {"", ""},
                            {jute::kNull, "a"},
                            {"unknown", jute::kNull},
                            {"digest", "a:"},
                            {"digest", "a:b:c"},
                            {"digest", "a"},
                            {"digest", ":"},
                            {"ip", "1.2.3"},
                            {"sasl", "a"}}) {
    EXPECT_EQ(Normalize({{31, id}}), Error::kInvalidAcl)
        << id.scheme << " " << id.id;
  }
}

TEST_F(NormalizeAclTest, AcceptsGoodIds) {
  for (const jute::Id id : {jute::Id{"digest", "a:b"},
                            {"digest", ":b"},
                            {"digest", "a:b:"},
                            {"ip", "::1/64"}}) {
    EXPECT_EQ(Normalize({{31, id}}), Error::kOk) << id.id;
    EXPECT_THAT(normalized_, ElementsAre(jute::ACL{31, id}));
  }
}

TEST_F(NormalizeAclTest, RefusesDigestWhereItIsOff) {
  EXPECT_EQ(Normalize({{31, {"digest", "a:b"}}}, {}, false),
            Error::kInvalidAcl);
  EXPECT_EQ(Normalize({kAuth}, {kAlice}, false), Error::kInvalidAcl);
}

TEST_F(NormalizeAclTest, NullIdOfACheckedSchemeCannotBeRead) {
  for (const char* scheme : {"world", "digest", "ip"}) {
    EXPECT_EQ(Normalize({{31, {scheme, jute::kNull}}}),
              Error::kMarshallingError);
  }
}

TEST_F(NormalizeAclTest, AuthStandsForAuthenticatedIdentities) {
  const std::vector<Identity> callers = {kLocal, kAlice, kSuper, kBob};
  EXPECT_EQ(Normalize({{5, {"auth", jute::kNull}}}, callers), Error::kOk);
  EXPECT_THAT(normalized_, ElementsAre(jute::ACL{5, {"digest", "alice:hash"}},
                                       jute::ACL{5, {"digest", "bob:hash"}}));
}

TEST_F(NormalizeAclTest, AuthWithoutAnIdentityIsRefused) {
  EXPECT_EQ(Normalize({kAuth}, {kLocal, kSuper}), Error::kInvalidAcl);
}

TEST_F(NormalizeAclTest, ExpansionMayRepeatEntries) {
  const jute::ACL alice{31, {"digest", "alice:hash"}};
  EXPECT_EQ(Normalize({alice, kAuth}, {kAlice}), Error::kOk);
  EXPECT_THAT(normalized_, ElementsAre(alice, alice));
}

TEST_F(NormalizeAclTest, ExpansionIsBounded) {
  std::vector<jute::ACL> acl;
  for (int32_t perms = 0; perms < 2000; ++perms) {
    acl.push_back({perms, {"auth", ""}});
  }
  EXPECT_EQ(Normalize(acl, std::vector<Identity>(2000, kAlice)),
            Error::kInvalidAcl);
}

// Client-protocol.md chapter 17.
TEST(DigestIdTest, MatchesTestVectors) {
  EXPECT_EQ(DigestId("user1:pass1", "SHA1"),
            "user1:+7K83PhyQ3ijGj0ADmljf0quVwQ=");
  EXPECT_EQ(DigestId("super:secret", "SHA1"),
            "super:lK75jTNcA+U9vtVEw5vB51mj/w4=");
  EXPECT_EQ(DigestId("a", "SHA-1"), "a:hvfkN/qlp/zhXR3cuerq6jd2Z7g=");
  EXPECT_EQ(DigestId("u:p", "SHA1"), "u:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=");
  EXPECT_EQ(DigestId("user1:pass1", "SHA-256"),
            "user1:mtIQZOLeiRReBkzLFEBScPta5Vlkls5rXtWnoUCGcPE=");
  EXPECT_EQ(DigestId("super:secret", "SHA-256"),
            "super:WTA5ucCHTdJq645xIMibj8HviTPeB5mMuJ4/+v1dIEw=");
  EXPECT_EQ(DigestId("a", "SHA-256"),
            "a:ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=");
  EXPECT_EQ(DigestId("u:p", "no such"), "");
}

TEST(RedactedIdTest, HidesWhatFollowsTheFirstColonOfDigests) {
  EXPECT_EQ(RedactedId({31, {"digest", "u:h:i"}}), "u:x");
  EXPECT_EQ(RedactedId({31, {"digest", "u"}}), "u");
  EXPECT_EQ(RedactedId({31, {"ip", "::1"}}), "::1");
}

TEST(DisplayNameTest, DependsOnTheScheme) {
  EXPECT_EQ(DisplayName(kAlice), "alice");
  EXPECT_EQ(DisplayName(kLocal), "127.0.0.1");
  EXPECT_EQ(DisplayName({"sasl", "me@HERE"}), "me@HERE");
  EXPECT_EQ(DisplayName(kSuper), "");
}

}  // namespace
}  // namespace paddock::tree
