# Helper functions: modules of the kernel, links, routes, and rules of netfilter.

module_is_loaded() {
  underscored=$(printf %s "$1" | tr - _)
  [ -d "/sys/module/$underscored" ] || grep -qs "/$1\.ko" "/lib/modules/$(uname -r)/modules.builtin"
}

remove_new_links() {
  [ -e "$entry/links" ] || return 0
  for path in /sys/class/net/*; do
    link=${path##*/}
    grep -Fxq "$link" "$entry/links" && continue
    for pattern; do
      # The pattern is meant to be one.
      # shellcheck disable=SC2254
      case $link in $pattern) ip link delete dev "$link" 2>/dev/null || : ;; esac
    done
  done
}

list_routes() {
  command -v ip >/dev/null || return 0
  for network; do
    case $network in
      *:*) ip -6 route show table main root "$network" | sed 's/^/-6 /' ;;
      *) ip -4 route show table main root "$network" | sed 's/^/-4 /' ;;
    esac
  done | sed 's/ *$//; s/ linkdown//; s/ dead//'
}
remove_new_routes() {
  [ -e "$entry/routes" ] || return 0
  list_routes "$@" | while IFS= read -r route; do
    grep -Fxq -- "$route" "$entry/routes" && continue
    # A route is a list of words.
    # shellcheck disable=SC2086
    set -- $route
    family=$1
    shift
    ip "$family" route delete "$@" 2>/dev/null || :
  done
}

# Netfilter. A chain of ours is one whose name has one of our prefixes and that was not there before.
netfilter_tools() {
  for tool in iptables ip6tables; do
    if command -v "$tool-save" >/dev/null && command -v "$tool-restore" >/dev/null; then echo "$tool"; fi
  done
}
nft_tables() { if command -v nft >/dev/null; then nft list tables 2>/dev/null || :; fi; }
nft_chains() {
  command -v nft >/dev/null || return 0
  nft list chains 2>/dev/null | awk '/^table / { table = $2 " " $3 } /^[[:space:]]*chain / { print table " " $2 }'
}
save_netfilter() {
  nft_tables > "$entry/nft-tables"
  nft_chains > "$entry/nft-chains"
  for tool in $(netfilter_tools); do
    "$tool-save" 2>/dev/null | sed -n 's/^\*/* /p; s/^:\([^ ]*\).*/: \1/p' > "$entry/$tool-chains" || :
  done
}
remove_new_chains() {
  [ -e "$entry/nft-tables" ] || return 0
  for tool in $(netfilter_tools); do
    [ -e "$entry/$tool-chains" ] || continue
    "$tool-save" 2>/dev/null | removal_of_chains "$entry/$tool-chains" "$@" > "$entry/$tool-removal"
    if [ -s "$entry/$tool-removal" ]; then "$tool-restore" --noflush < "$entry/$tool-removal" || return 1; fi
  done
  remove_empty_chains
  remove_empty_tables
}
# list_rules NETWORK...: the rules of built-in chains that name one of them: tool, table, and the rule's own words
list_rules() {
  for tool in $(netfilter_tools); do
    "$tool-save" 2>/dev/null | awk -v tool="$tool" -v networks="$*" '
      BEGIN { count = split(networks, network, " ") }
      /^\*/ { table = substr($1, 2) }
      /^-A / && $2 ~ /^(PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING)$/ {
        for (i = 1; i <= count; i++) if (index($0 " ", " " network[i] " ")) { print tool, table, substr($0, 4); break }
      }'
  done
}
remove_new_rules() {
  [ -e "$entry/rules" ] || return 0
  list_rules "$@" | while read -r tool table rule; do
    grep -Fxq -- "$tool $table $rule" "$entry/rules" && continue
    printf '*%s\n-D %s\nCOMMIT\n' "$table" "$rule" | "$tool-restore" --noflush || exit 1
  done
}
# removal_of_chains BEFORE PREFIX...: turns iptables-save output into a restore script that removes our
# chains and the rules that lead to them, and touches nothing else. iptables-restore applies it at once.
removal_of_chains() {
  before=$1
  shift
  awk -v before="$before" -v prefixes="$*" '
    function ours(name,   i) {
      if ((table, name) in kept) return 0
      for (i = 1; i <= count; i++) if (index(name, prefix[i]) == 1) return 1
      return 0
    }
    BEGIN {
      count = split(prefixes, prefix, " ")
      while ((getline line < before) > 0) {
        split(line, word, " ")
        if (word[1] == "*") old = word[2]; else kept[old, word[2]] = 1
      }
    }
    /^\*/ { table = substr($1, 2); rules = flushes = deletions = "" }
    /^:/ {
      name = substr($1, 2)
      if (ours(name)) { flushes = flushes "-F " name "\n"; deletions = deletions "-X " name "\n" }
    }
    /^-A / && !ours($2) {
      text = $0
      gsub(/"([^"\\]|\\.)*"/, "text", text)
      words = split(text, word, " ")
      for (i = 3; i < words; i++)
        if ((word[i] == "-j" || word[i] == "-g") && ours(word[i + 1])) { rules = rules "-D" substr($0, 3) "\n"; break }
    }
    /^COMMIT/ && (rules flushes) != "" { printf "*%s\n%s%s%sCOMMIT\n", table, rules, flushes, deletions }'
}
# nft_is_empty: the text of a table or chain holds nothing but built-in chains that let everything pass
nft_is_empty() {
  awk '
    /^[[:space:]]*(table .*|chain [A-Z]+ \{|type .* hook .*policy accept;|\}|#.*)?$/ { next }
    { found = 1 } END { exit found }'
}
# iptables makes the built-in chains that it needs: those that were not there before and are empty go.
remove_empty_chains() {
  [ -e "$entry/nft-chains" ] || return 0
  nft_chains | while read -r family table chain; do
    grep -Fxq "$family $table $chain" "$entry/nft-chains" && continue
    case $table in filter | nat | mangle | raw | security) ;; *) continue ;; esac
    case $chain in PREROUTING | INPUT | FORWARD | OUTPUT | POSTROUTING) ;; *) continue ;; esac
    if nft list chain "$family" "$table" "$chain" | nft_is_empty; then
      nft delete chain "$family" "$table" "$chain"
    fi
  done
}
# The same of whole tables.
remove_empty_tables() {
  nft_tables | while IFS= read -r line; do
    grep -Fxq "$line" "$entry/nft-tables" && continue
    # "table ip nat" is a list of words.
    # shellcheck disable=SC2086
    set -- $line
    case $3 in filter | nat | mangle | raw | security) ;; *) continue ;; esac
    if nft list table "$2" "$3" | nft_is_empty; then nft delete table "$2" "$3"; fi
  done
}
