# Completion of mscg for bash. What can be completed is asked of mscg itself, which knows its own options.

_mscg() {
    local cur words=() word IFS=$'\n' line
    # bash splits words at '='; mscg wants them whole.
    for word in "${COMP_WORDS[@]:1:COMP_CWORD}"; do
        local last=$((${#words[@]} - 1))
        if [[ $last -ge 0 && ( $word == = || ${words[last]} == --*= ) ]]; then
            words[last]+=$word
        else
            words+=("$word")
        fi
    done
    cur=${COMP_WORDS[COMP_CWORD]}
    [[ $cur == = ]] && cur=
    COMPREPLY=()
    for line in $("${COMP_WORDS[0]}" __complete -- "${words[@]}" 2>/dev/null); do
        case $line in
        :files) COMPREPLY+=($(compgen -f -- "$cur")) && compopt -o filenames 2>/dev/null ;;
        :directories) COMPREPLY+=($(compgen -d -- "$cur")) && compopt -o filenames 2>/dev/null ;;
        :commands) COMPREPLY+=($(compgen -c -- "$cur") $(compgen -f -- "$cur")) ;;
        *) COMPREPLY+=("$line") ;;
        esac
    done
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -F _mscg mscg
